"""The calls of the reference page, alike on the slow and the fast tokenizer.

`TokenizerBase` resolves the options of a call; an `Engine` splits the text.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from distilbert.errors import InputError
from distilbert.surrogates import without_surrogates
from distilbert.tokenization import rows
from distilbert.tokenization.batch_encoding import BatchEncoding
from distilbert.tokenization.call_options import (
    FAST_OPTION_NAMES,
    OPTION_NAMES,
    TRUNCATION,
    CallOptions,
)
from distilbert.tokenization.encoding import LocatedTokens
from distilbert.tokenization.engine import Engine
from distilbert.tokenization.inputs import (
    CallTypeError,
    Examples,
    Text,
    read_batch,
    read_example,
    read_list,
    read_texts,
)
from distilbert.tokenization.padding import Padding
from distilbert.tokenization.pretrained import PretrainedTokenizer
from distilbert.tokenization.rows import RowBuilder
from distilbert.tokenization.template import Template
from distilbert.tokenization.truncation import cut_slow


class TokenizerBase(PretrainedTokenizer):
    """The calls of the reference page, on top of the engine that a tokenizer class chooses."""

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
            Columns of ids and the other columns asked for; their rows are lists unless
            `return_tensors`.

        Raises:
            InputError: text of a wrong type, or options that contradict each other.
        """
        options = self._options(
            *(add_special_tokens, padding, truncation, max_length, stride, is_split_into_words),
            *(pad_to_multiple_of, return_tensors, return_token_type_ids, return_attention_mask),
            *(return_overflowing_tokens, return_special_tokens_mask, return_offsets_mapping),
            *(return_length, verbose),
            **kwargs,
        )
        split = is_split_into_words
        if text_target is None:
            if text is None:
                raise InputError("A text must be given: got neither `text` nor `text_target`.")
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
        shared = (add_special_tokens, padding, truncation, max_length, stride)
        kwargs["return_tensors"] = return_tensors
        return self.encode_plus(text, text_pair, *shared, **kwargs)["input_ids"]

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
        shared = (add_special_tokens, padding, truncation, max_length, stride)
        if isinstance(text, list | tuple) and text and isinstance(text[0], int):
            return self.prepare_for_model(text, text_pair, *shared, True, **kwargs)
        options = self._options(*shared, is_split_into_words, **kwargs)
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
        shared = (add_special_tokens, padding, truncation, max_length, stride)
        options = self._options(*shared, is_split_into_words, **kwargs)
        examples = read_batch(batch_text_or_text_pairs, split=is_split_into_words)
        return self._encode(examples, options)

    def prepare_seq2seq_batch(
        self,
        src_texts: list[str],
        tgt_texts: list[str] | None = None,
        max_length: int | None = None,
        max_target_length: int | None = None,
        padding: bool | str = "longest",
        return_tensors: str | None = None,
        truncation: bool | str = True,
        **kwargs: Any,
    ) -> BatchEncoding:
        """Deprecated: a call, whose labels are the ids of `tgt_texts`."""
        message = "`prepare_seq2seq_batch` is deprecated. Use `tokenizer(..., text_target=...)`."
        warnings.warn(message, FutureWarning, stacklevel=2)
        shared = {"padding": padding, "truncation": truncation, "return_tensors": return_tensors}
        encoded = self(src_texts, max_length=max_length, **shared, **kwargs)
        if tgt_texts is not None:
            limit = max_length if max_target_length is None else max_target_length
            encoded["labels"] = self(tgt_texts, max_length=limit, **shared, **kwargs)["input_ids"]
        return encoded

    def tokenize(
        self, text: str, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """The tokens of a text or a pair."""
        if pair is None and not add_special_tokens and not kwargs and isinstance(text, str):
            return self._text_engine().tokens(without_surrogates(text))
        return self.encode_plus(text, pair, add_special_tokens, **kwargs).tokens()

    def token_ids(
        self, texts: Sequence[Text], *, is_split_into_words: bool = False
    ) -> list[np.ndarray]:
        """The ids (int64, (T,)) of each text: no special tokens, no truncation, no offsets."""
        checked = read_list(texts, split=is_split_into_words)
        ids = self._text_engine().ids(checked, split=is_split_into_words)
        return [np.array(row, dtype=np.int64) for row in ids]

    def located_tokens(
        self, texts: Sequence[Text], *, is_split_into_words: bool = False
    ) -> list[LocatedTokens]:
        """`token_ids` with offsets and word numbers; slower, so only for callers that need these.

        Offsets in a text that is split into words are relative to each word.
        """
        checked = read_list(texts, split=is_split_into_words)
        pieces = self._text_engine().pieces(checked, split=is_split_into_words)
        return [LocatedTokens.of(text) for text in pieces]

    # ---- ids without text

    def prepare_for_model(
        self,
        ids: Sequence[int],
        pair_ids: Sequence[int] | None = None,
        add_special_tokens: bool = True,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        stride: int = 0,
        prepend_batch_axis: bool = False,
        **kwargs: Any,
    ) -> BatchEncoding:
        """One row from ids without special tokens: template, truncation, padding as in a call."""
        shared = (add_special_tokens, padding, truncation, max_length, stride)
        options = self._options(*shared, **kwargs)
        pair = (list(ids), None if pair_ids is None else list(pair_ids))
        builder = self._row_builder(options, fast=False)
        columns = builder.columns([pair])
        builder.pad(columns)
        return BatchEncoding(
            {name: column[0] for name, column in columns.items()},
            tensor_type=options.return_tensors,
            prepend_batch_axis=prepend_batch_axis,
        )

    def pad(
        self,
        encoded_inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        padding: bool | str = True,
        max_length: int | None = None,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: str | None = None,
        verbose: bool = True,
    ) -> BatchEncoding:
        """Pad encoded examples: a dict of rows, a list of dicts, one example, lists or tensors.

        The ids are in the column that `model_input_names` names first. The input is not changed.
        Tensors come back as tensors of the same framework.
        """
        options = self._options(
            padding=padding,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            return_attention_mask=return_attention_mask,
            verbose=verbose,
        )
        main = next(iter(self.model_input_names), rows.IDS)
        columns, kind, single = rows.read_columns(encoded_inputs, main)
        if options.return_attention_mask and "attention_mask" not in columns:
            columns["attention_mask"] = [[1] * len(row) for row in columns[main]]
        self._row_builder(options, fast=True).pad(columns, main)
        data = {name: column[0] for name, column in columns.items()} if single else columns
        return BatchEncoding(data, tensor_type=return_tensors or kind)

    def truncate_sequences(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first",
        stride: int = 0,
    ) -> tuple[list[int], list[int] | None, list[int]]:
        """Remove tokens from ids without special tokens; the third list is what was removed."""
        if truncation_strategy not in TRUNCATION:
            raise InputError(
                f"`truncation_strategy` must be one of {list(TRUNCATION)}: "
                f"got {truncation_strategy!r}."
            )
        options = CallOptions(
            truncation=TRUNCATION[truncation_strategy],
            stride=stride,
            truncation_side=self.truncation_side,
        )
        n_second = None if pair_ids is None else len(pair_ids)
        cuts = cut_slow(len(ids), n_second, num_tokens_to_remove, options)
        ((first, second),) = rows.cut([(ids, pair_ids)], [cuts[:1]])
        return first, second, rows.removed((ids, pair_ids), cuts)

    @property
    def max_len_single_sentence(self) -> int:
        """How many tokens of a single text fit into `model_max_length`."""
        return self.model_max_length - self.num_special_tokens_to_add()

    @property
    def max_len_sentences_pair(self) -> int:
        """How many tokens of a pair fit into `model_max_length`."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

    # ---- inner steps

    def _options(self, *values: Any, **named: Any) -> CallOptions:
        """The options of a call, in the page's order or by name, with the page's rules applied."""
        known = FAST_OPTION_NAMES if self.is_fast else OPTION_NAMES
        if not named.keys() <= known:
            named = self._without_unknown(named, known)
        options = CallOptions(*values, **named, truncation_side=self.truncation_side)
        if not options.are_defaults():
            options.resolve(model_max_length=self.model_max_length, pad_token=self.pad_token)
        if options.return_token_type_ids is None:
            options.return_token_type_ids = "token_type_ids" in self.model_input_names
        if options.return_attention_mask is None:
            options.return_attention_mask = "attention_mask" in self.model_input_names
        return options

    def _without_unknown(self, named: dict[str, Any], known: frozenset[str]) -> dict[str, Any]:
        """The keywords that exist; the fast class refuses a call with others, as the reference."""
        names = ", ".join(sorted(named.keys() - known))
        if self.is_fast:
            raise CallTypeError(f"A call takes only the documented keywords: got {names}.")
        warnings.warn(f"A call ignores unknown keywords: got {names}.", stacklevel=4)
        return {name: value for name, value in named.items() if name in known}

    def _row_builder(self, options: CallOptions, *, fast: bool) -> RowBuilder:
        """What builds the rows of one call under the rules of the fast or the slow class."""
        if not options.add_special_tokens:
            template = Template()
        elif fast:  # as in the reference, leaves out a special token that is not set
            template = Template.of(self.cls_token_id, self.sep_token_id)
        else:
            template = self._template()
        padding = Padding()
        if options.padding:
            padding = Padding(
                *(self.padding_side, self.pad_token_id, self.pad_token_type_id, self.pad_token)  # pyright: ignore[reportArgumentType]
            )
        return RowBuilder(options, template, fast, self.model_max_length, padding)

    def _encode(self, examples: Examples, options: CallOptions) -> BatchEncoding:
        engine = self._text_engine(options.split_special_tokens)
        return self._row_builder(options, fast=self.is_fast).encode(examples, engine)

    def _text_engine(self, split_special_tokens: bool | None = None) -> Engine:
        """What splits texts; the slow class has a second one that takes added tokens for text."""
        return self._engine
