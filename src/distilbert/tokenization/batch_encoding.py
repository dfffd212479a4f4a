"""`BatchEncoding`: what a tokenizer call returns, a mapping of columns with a link to the text.

The columns are ready; tokens, words and offsets are computed when first asked for.
"""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from distilbert.errors import InputError
from distilbert.tokenization.encoding import Row
from distilbert.tokenization.tensors import framework_of, to_tensor


class CharSpan(NamedTuple):
    """Characters `start` up to, but not including, `end` of the original text."""

    start: int
    end: int


class TokenSpan(NamedTuple):
    """Tokens `start` up to, but not including, `end` of the row."""

    start: int
    end: int


class BatchKeyError(InputError, KeyError):
    """A row was requested by number from a result of the slow tokenizer."""


class BatchEncoding(UserDict[str, Any]):
    """Columns by name (`enc["input_ids"]`, `enc.input_ids`), and tokens and words of the text.

    Args:
        data: the columns; taken over, not copied.
        encodings: one row per encoded window, or a function that computes them when needed;
            None when the text is not known (the result of `tokenizer.pad`).
        is_fast: whether the fast tokenizer made it.
        tensor_type: "pt", "tf", "np" or "jax" turns the columns into tensors.
        prepend_batch_axis: add a batch axis of one to a single row that becomes a tensor.
    """

    data: dict[str, Any]

    def __init__(
        self,
        data: dict[str, Any] | None = None,
        encodings: Sequence[Row] | Callable[[], Sequence[Row]] | None = None,
        *,
        is_fast: bool = False,
        tensor_type: str | None = None,
        prepend_batch_axis: bool = False,
    ) -> None:
        # UserDict's constructor would copy every column into a second dict.
        self.data = {} if data is None else data
        self._encodings = encodings
        self._is_fast = is_fast
        if tensor_type is not None:
            self.convert_to_tensors(tensor_type, prepend_batch_axis)

    @property
    def is_fast(self) -> bool:
        """Whether the fast tokenizer made this."""
        return self._is_fast

    @property
    def encodings(self) -> list[Row] | None:
        """One row per encoded window (tokens, offsets, words), or None when the text is unknown."""
        if callable(self._encodings):
            self._encodings = self._encodings()
        return cast("list[Row] | None", self._encodings)

    @property
    def n_sequences(self) -> int | None:
        """1 for single texts, 2 for pairs, None when the text is unknown."""
        rows = self.encodings
        return rows[0].n_sequences if rows else None

    def __getitem__(self, key: str | int | slice) -> Any:
        if isinstance(key, str):
            return self.data[key]
        if self._is_fast:
            return self._rows()[key]
        if isinstance(key, slice):
            return {name: column[key] for name, column in self.data.items()}
        raise BatchKeyError(
            f"A result of the slow tokenizer is read by column name or slice: got {key!r}. "
            "Its rows are in `.encodings`."
        )

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["data"][name]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__!r} has no column or attribute {name!r}"
            ) from None

    def __getstate__(self) -> dict[str, Any]:
        return {"data": self.data, "_encodings": self.encodings, "_is_fast": self._is_fast}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def convert_to_tensors(
        self, tensor_type: str | None = None, prepend_batch_axis: bool = False
    ) -> BatchEncoding:
        """Turn every column into a tensor of framework "pt", "tf", "np" or "jax", in place."""
        if tensor_type is not None:
            for name, column in self.data.items():
                if framework_of(column) != tensor_type:
                    value = [column] if prepend_batch_axis else column
                    self.data[name] = to_tensor(value, tensor_type, name)
        return self

    def to(self, device: Any) -> BatchEncoding:
        """Move every PyTorch tensor to `device`, in place; returns itself."""
        kinds = {framework_of(column) for column in self.data.values()}
        if "pt" not in kinds and self.data:
            raise InputError(
                "`.to(device)` moves PyTorch tensors: got none. Pass `return_tensors='pt'`."
            )
        for name, column in self.data.items():
            if framework_of(column) == "pt":
                self.data[name] = column.to(device=device)
        return self

    def tokens(self, batch_index: int = 0) -> list[str]:
        """The tokens of a row."""
        return self._row(batch_index).tokens

    def word_ids(self, batch_index: int = 0) -> list[int | None]:
        """The word of each token of a row; None for special tokens and padding."""
        return self._row(batch_index).word_ids

    def words(self, batch_index: int = 0) -> list[int | None]:
        """The older name of `word_ids`."""
        return self.word_ids(batch_index)

    def sequence_ids(self, batch_index: int = 0) -> list[int | None]:
        """0 or 1 for tokens of the first or second text; None for special tokens and padding."""
        return self._row(batch_index).sequence_ids

    def token_to_sequence(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> int | None:
        """Which text a token comes from; the batch index may be left out for a single row."""
        row, token = self._locate_token(batch_or_token_index, token_index)
        return row.token_to_sequence(token)

    def token_to_word(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> int | None:
        """Which word a token comes from."""
        row, token = self._locate_token(batch_or_token_index, token_index)
        return row.token_to_word(token)

    def token_to_chars(
        self, batch_or_token_index: int, token_index: int | None = None
    ) -> CharSpan | None:
        """Where a token lies in the original text; None for special tokens and padding."""
        row, token = self._locate_token(batch_or_token_index, token_index)
        if row.token_to_sequence(token) is None:
            return None
        span = row.token_to_chars(token)
        return None if span is None else CharSpan(*span)

    def word_to_tokens(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> TokenSpan | None:
        """The tokens of a word."""
        row, word = self._locate(batch_or_word_index, word_index)
        span = row.word_to_tokens(word, sequence_index)
        return None if span is None else TokenSpan(*span)

    def word_to_chars(
        self, batch_or_word_index: int, word_index: int | None = None, sequence_index: int = 0
    ) -> CharSpan | None:
        """Where a word lies in the original text."""
        row, word = self._locate(batch_or_word_index, word_index)
        span = row.word_to_chars(word, sequence_index)
        return None if span is None else CharSpan(*span)

    def char_to_token(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The token that covers a character of the original text, or None."""
        row, char = self._locate(batch_or_char_index, char_index)
        return row.char_to_token(char, sequence_index)

    def char_to_word(
        self, batch_or_char_index: int, char_index: int | None = None, sequence_index: int = 0
    ) -> int | None:
        """The word that covers a character of the original text, or None."""
        row, char = self._locate(batch_or_char_index, char_index)
        return row.char_to_word(char, sequence_index)

    def _rows(self) -> list[Row]:
        rows = self.encodings
        if rows is None:
            raise InputError(
                "Tokens, words and offsets are known only for results of a tokenizer call on text: "
                "this one was made from ids."
            )
        return rows

    def _row(self, batch_index: int) -> Row:
        return self._rows()[batch_index]

    def _locate(self, first: int, second: int | None) -> tuple[Row, int]:
        """The row and the position meant by (batch index, position) or by a position alone."""
        return (self._row(0), first) if second is None else (self._row(first), second)

    def _locate_token(self, first: int, second: int | None) -> tuple[Row, int]:
        row, token = self._locate(first, second)
        return row, token + len(row) if token < 0 else token
