"""What the slow and the fast tokenizer share: the calls of the page, the templates, padding.

A class below supplies the columns of a call and the rows behind them; everything else is here.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from distilbert.errors import InputError
from distilbert.tokenization import loading, saving
from distilbert.tokenization.batch_encoding import BatchEncoding, Row
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.encoding import LocatedTokens, Pieces
from distilbert.tokenization.from_ids import Columns
from distilbert.tokenization.inputs import (
    Examples,
    Text,
    read_batch,
    read_example,
    read_list,
    read_texts,
)
from distilbert.tokenization.row_builder import RowBuilder
from distilbert.tokenization.special_tokens import ADDITIONAL, NAMES, as_special_token

Rows = Callable[[], Sequence[Row]]

# `model_max_length` of a tokenizer whose files state none; the reference's value.
UNLIMITED = int(1e30)
SIDES = ("right", "left")


class TokenizerBase(RowBuilder):
    """The calls of the reference page, on top of what a tokenizer class supplies."""

    name_or_path: str
    # The constructor's own options and any unknown ones: what `tokenizer_config.json` keeps.
    init_kwargs: dict[str, Any]
    _revision: int  # counts the changes that make an earlier result's text encode differently

    def _set_up(self, options: dict[str, Any], kwargs: dict[str, Any]) -> None:
        """Store what every tokenizer has; `options` are the class's own, `kwargs` the rest.

        Raises:
            InputError: a side that is neither "right" nor "left".
        """
        special = {name: kwargs.pop(name, None) for name in NAMES}
        self._special_tokens = {
            name: None if token is None else as_special_token(token, name=name)
            for name, token in special.items()
        }
        additional = kwargs.pop(ADDITIONAL, None) or ()
        self._additional_special_tokens = [
            as_special_token(token, name=ADDITIONAL) for token in additional
        ]
        limit = kwargs.pop("model_max_length", None)
        self.model_max_length = UNLIMITED if limit is None else limit
        for name in ("padding_side", "truncation_side"):
            side = kwargs.pop(name, None) or "right"
            if side not in SIDES:
                raise InputError(f"`{name}` must be 'right' or 'left': got {side!r}.")
            setattr(self, name, side)
        cleans = kwargs.pop("clean_up_tokenization_spaces", None)
        self.clean_up_tokenization_spaces = True if cleans is None else cleans
        names = kwargs.pop("model_input_names", None) or ("input_ids", "attention_mask")
        self.model_input_names = list(names)
        self.name_or_path = str(kwargs.pop("name_or_path", ""))
        self.init_kwargs = {**options, **kwargs}
        self._revision = 0

    # ---- what a tokenizer class supplies

    @abstractmethod
    def _columns(self, examples: Examples, options: CallOptions) -> tuple[Columns, Rows]:
        """The unpadded columns of a call, and how to work out the rows behind them."""

    @abstractmethod
    def _unbatch(self, columns: Columns, options: CallOptions) -> dict[str, Any]:
        """The columns of a single text without their batch axis."""

    @abstractmethod
    def _text_ids(self, texts: Sequence[Text], *, split: bool) -> Sequence[list[int]]:
        """The ids of each text without special tokens."""

    @abstractmethod
    def _text_pieces(self, texts: Sequence[Text], *, split: bool) -> Sequence[Pieces]:
        """The pieces of each text without special tokens."""

    def token_ids(
        self, texts: Sequence[Text], *, is_split_into_words: bool = False
    ) -> list[np.ndarray]:
        """The ids (int64, (T,)) of each text: no special tokens, no truncation, no offsets."""
        checked = read_list(texts, split=is_split_into_words)
        rows = self._text_ids(checked, split=is_split_into_words)
        return [np.array(row, dtype=np.int64) for row in rows]

    def located_tokens(
        self, texts: Sequence[Text], *, is_split_into_words: bool = False
    ) -> list[LocatedTokens]:
        """`token_ids` with offsets and word numbers; slower, so only for callers that need these.

        Offsets in a text that is split into words are relative to each word.
        """
        checked = read_list(texts, split=is_split_into_words)
        pieces = self._text_pieces(checked, split=is_split_into_words)
        return [LocatedTokens.of(text) for text in pieces]

    # ---- calls

    def __call__(
        self,
        text: Any = None,
        text_pair: Any = None,
        text_target: Any = None,
        text_pair_target: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        pad_to_multiple_of: int | None = None,
        return_tensors: str | None = None,
        return_token_type_ids: bool | None = None,
        return_attention_mask: bool | None = None,
        return_overflowing_tokens: bool = False,
        return_special_tokens_mask: bool = False,
        return_offsets_mapping: bool = False,
        return_length: bool = False,
        verbose: bool = True,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Encode a text, a pair, or a batch of either.

        Returns:
            Columns of ids and whatever else was asked for; rows are lists unless `return_tensors`.

        Raises:
            InputError: text of a wrong type, or options that contradict each other.
        """
        options = self._options(
            add_special_tokens=add_special_tokens,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            is_split_into_words=is_split_into_words,
            pad_to_multiple_of=pad_to_multiple_of,
            return_tensors=return_tensors,
            return_token_type_ids=return_token_type_ids,
            return_attention_mask=return_attention_mask,
            return_overflowing_tokens=return_overflowing_tokens,
            return_special_tokens_mask=return_special_tokens_mask,
            return_offsets_mapping=return_offsets_mapping,
            return_length=return_length,
            verbose=verbose,
            **kwargs,
        )
        if text is None and text_target is None:
            raise InputError("A text must be given: got neither `text` nor `text_target`.")
        split = options.is_split_into_words
        if text_target is None:
            return self._encode(read_texts(text, text_pair, split=split), options)
        target = self._encode(read_texts(text_target, text_pair_target, split=split), options)
        if text is None:
            return target
        encoded = self._encode(read_texts(text, text_pair, split=split), options)
        encoded["labels"] = target["input_ids"]
        return encoded

    def encode(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        return_tensors: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Only the ids of one text or pair; `text` may be ids already, which get the template."""
        return self.encode_plus(
            *(text, text_pair, add_special_tokens, padding, truncation, max_length, stride),
            return_tensors=return_tensors,
            **kwargs,
        )["input_ids"]

    def encode_plus(
        self,
        text: Any,
        text_pair: Any = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        **kwargs: Any,
    ) -> BatchEncoding:
        """`__call__` for exactly one example."""
        if isinstance(text, list | tuple) and text and isinstance(text[0], int):
            return self.prepare_for_model(
                *(text, text_pair, add_special_tokens, padding, truncation, max_length, stride),
                prepend_batch_axis=True,
                **kwargs,
            )
        options = self._options(
            add_special_tokens=add_special_tokens,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            is_split_into_words=is_split_into_words,
            **kwargs,
        )
        return self._encode(read_example(text, text_pair, split=is_split_into_words), options)

    def batch_encode_plus(
        self,
        batch_text_or_text_pairs: Any,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        is_split_into_words: bool = False,
        **kwargs: Any,
    ) -> BatchEncoding:
        """`__call__` for a list of texts or of pairs."""
        options = self._options(
            add_special_tokens=add_special_tokens,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            is_split_into_words=is_split_into_words,
            **kwargs,
        )
        return self._encode(
            read_batch(batch_text_or_text_pairs, split=is_split_into_words), options
        )

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """The tokens of a text or a pair."""
        return self.encode_plus(text, pair, add_special_tokens, **kwargs).tokens()

    # ---- files

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *init_inputs: Any, **kwargs: Any
    ) -> Self:
        """The tokenizer saved in a folder, a vocabulary file, or a remote source.

        Takes `revision`, `token`, `cache_dir`, `local_files_only`, `force_download` and
        `subfolder`; every other keyword overrides what the files say.

        Raises:
            CheckpointError: no vocabulary there, or a broken file.
        """
        found = loading.find_tokenizer(pretrained_model_name_or_path, kwargs)
        arguments = found.arguments(fast=cls.is_fast, overrides=kwargs)
        return cls(*init_inputs, **arguments)

    def save_pretrained(
        self, save_directory: str | os.PathLike[str], *, filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Write every file `from_pretrained` reads, all or none; their paths."""
        return saving.save_tokenizer(self, Path(save_directory), filename_prefix=filename_prefix)

    def save_vocabulary(
        self, save_directory: str | os.PathLike[str], filename_prefix: str | None = None
    ) -> tuple[str, ...]:
        """Write `vocab.txt` alone: one token per line, the line number is the id."""
        return saving.save_vocabulary(self, Path(save_directory), filename_prefix)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(name_or_path={self.name_or_path!r}, "
            f"vocab_size={self.vocab_size}, model_max_length={self.model_max_length})"
        )

    # ---- inner steps

    def _encode(self, examples: Examples, options: CallOptions) -> BatchEncoding:
        columns, rows = self._columns(examples, options)
        length = self._finish(columns, options)
        data: dict[str, Any] = columns
        if not examples.is_batch and options.return_tensors is None:
            data = self._unbatch(columns, options)
        return BatchEncoding(
            data,
            self._later(rows, length),
            is_fast=self.is_fast,
            tensor_type=options.return_tensors,
        )

    def _later(self, rows: Rows, length: int | None) -> Rows:
        """`rows`, padded like the columns; refused once the tokenizer has changed in between."""
        revision = self._revision
        padding: dict[str, Any] = {}
        if length is not None:
            padding["direction"] = self.padding_side
            padding["pad_id"] = self.pad_token_id
            padding["pad_type_id"] = self.pad_token_type_id
            padding["pad_token"] = self.pad_token

        def padded() -> Sequence[Row]:
            if self._revision != revision:
                raise InputError(
                    "Words and offsets are worked out when first asked for: got a tokenizer that "
                    "was changed since. Encode the text again."
                )
            found = rows()
            if length is not None:
                for row in found:
                    row.pad(length, **padding)
            return found

        return padded
