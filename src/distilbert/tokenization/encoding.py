"""The tokens of one text, and of one encoded row with the interface of `tokenizers.Encoding`.

Special tokens and padding have no offsets, no word and no sequence. Knows no tokenizer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import NamedTuple

import numpy as np
import tokenizers

Span = tuple[int, int]


@dataclass(slots=True)
class TextPieces:
    """The tokens of one text without special tokens: four lists of one length.

    `offsets` are characters of the given text; `word_ids` number the words from 0.
    """

    ids: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    offsets: list[Span] = field(default_factory=list)
    word_ids: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)


# The rows of the Rust library have the same four attributes, each computed when it is read.
Pieces = TextPieces | tokenizers.Encoding


class LocatedTokens(NamedTuple):
    """The tokens of one text without special tokens, as int64 arrays.

    `ids` (T,); `offsets` (T, 2), the first character and the one after the last; `words` (T,), the
    number of the word that each token is a piece of.
    """

    ids: np.ndarray
    offsets: np.ndarray
    words: np.ndarray

    @classmethod
    def of(cls, pieces: Pieces) -> LocatedTokens:
        """The same tokens as arrays."""
        offsets = np.array(pieces.offsets, dtype=np.int64).reshape(-1, 2)
        return cls(
            np.array(pieces.ids, dtype=np.int64), offsets, np.array(pieces.word_ids, dtype=np.int64)
        )


@dataclass(slots=True)
class Encoding:
    """A row: eight lists of one length, and `overflowing`, the further windows of its text."""

    ids: list[int]
    type_ids: list[int]
    tokens: list[str]
    offsets: list[Span]
    word_ids: list[int | None]
    sequence_ids: list[int | None]
    special_tokens_mask: list[int]
    attention_mask: list[int]
    overflowing: list[Encoding] = field(default_factory=list)

    def pad(
        self,
        length: int,
        *,
        direction: str = "right",
        pad_id: int = 0,
        pad_type_id: int = 0,
        pad_token: str = "[PAD]",
    ) -> None:
        """Lengthen the row to `length` with padding; a longer row is not changed."""
        values = (pad_id, pad_type_id, pad_token, (0, 0), None, None, 1, 0)
        n_missing = length - len(self.ids)
        for list_, value in zip(fields(self), values, strict=False):
            column, padding = getattr(self, list_.name), [value] * n_missing
            setattr(
                self, list_.name, column + padding if direction == "right" else padding + column
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def words(self) -> list[int | None]:
        """The older name of `word_ids`."""
        return self.word_ids

    @property
    def n_sequences(self) -> int:
        """1 for a single text, 2 for a pair."""
        return max((s for s in self.sequence_ids if s is not None), default=0) + 1

    def token_to_sequence(self, token_index: int) -> int | None:
        """Which text token `token_index` comes from."""
        return self.sequence_ids[token_index] if 0 <= token_index < len(self.ids) else None

    def token_to_word(self, token_index: int) -> int | None:
        """Which word of its text token `token_index` comes from."""
        return self.word_ids[token_index] if 0 <= token_index < len(self.ids) else None

    def token_to_chars(self, token_index: int) -> Span | None:
        """Where token `token_index` lies in its text."""
        if self.token_to_sequence(token_index) is None:
            return None
        return self.offsets[token_index]

    def word_to_tokens(self, word_index: int, sequence_index: int = 0) -> Span | None:
        """The first token of a word and the one after its last."""
        pairs = zip(self.word_ids, self.sequence_ids, strict=True)
        tokens = [i for i, pair in enumerate(pairs) if pair == (word_index, sequence_index)]
        return (tokens[0], tokens[-1] + 1) if tokens else None

    def word_to_chars(self, word_index: int, sequence_index: int = 0) -> Span | None:
        """Where a word lies in its text."""
        span = self.word_to_tokens(word_index, sequence_index)
        return None if span is None else (self.offsets[span[0]][0], self.offsets[span[1] - 1][1])

    def char_to_token(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The token that covers a character; None between tokens."""
        for index, (start, stop) in enumerate(self.offsets):
            if start <= char_pos < stop and self.sequence_ids[index] == sequence_index:
                return index
        return None

    def char_to_word(self, char_pos: int, sequence_index: int = 0) -> int | None:
        """The word that covers a character; None between words."""
        token = self.char_to_token(char_pos, sequence_index)
        return None if token is None else self.word_ids[token]


Row = Encoding | tokenizers.Encoding
