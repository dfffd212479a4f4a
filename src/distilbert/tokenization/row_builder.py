"""The half of a tokenizer that works on ids: templates, truncation, padding, finished rows.

Both tokenizer classes build on it through `base.py`; it never sees text.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from distilbert.errors import InputError
from distilbert.tokenization import from_ids, template
from distilbert.tokenization.batch_encoding import BatchEncoding
from distilbert.tokenization.call_options import OPTION_NAMES, CallOptions, resolve_strategies
from distilbert.tokenization.encoding import Encoding, Pieces
from distilbert.tokenization.from_ids import Columns
from distilbert.tokenization.padding import pad_columns
from distilbert.tokenization.token_table import TokenTable


class RowBuilder(TokenTable):
    """Rows of ids with their special tokens, cut and padded as a call asks."""

    model_input_names: list[str]
    model_max_length: int
    padding_side: str
    truncation_side: str

    @abstractmethod
    def _refuse_keywords(self, names: Sequence[str]) -> None:
        """Say that a call was given keywords that do not exist."""

    def build_inputs_with_special_tokens(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """`[CLS] A [SEP]`, or `[CLS] A [SEP] B [SEP]`."""
        cls_id, sep_id = self._template_ids()
        return template.fill(token_ids_0, token_ids_1, cls_id=cls_id, sep_id=sep_id)

    def create_token_type_ids_from_sequences(
        self, token_ids_0: list[int], token_ids_1: list[int] | None = None
    ) -> list[int]:
        """0 for `[CLS] A [SEP]`, 1 for `B [SEP]`. DistilBERT models take no such column."""
        return template.type_ids(
            len(token_ids_0), None if token_ids_1 is None else len(token_ids_1)
        )

    def get_special_tokens_mask(
        self,
        token_ids_0: list[int],
        token_ids_1: list[int] | None = None,
        already_has_special_tokens: bool = False,
    ) -> list[int]:
        """1 at special tokens: of the template around the ids, or among ids that have it already.

        An unknown piece (`[UNK]`) stands for text, so it is not special among the latter.
        """
        if not already_has_special_tokens:
            return template.special_tokens_mask(
                len(token_ids_0), None if token_ids_1 is None else len(token_ids_1)
            )
        if token_ids_1 is not None:
            raise InputError(
                "`token_ids_1` must be None with `already_has_special_tokens=True`: got a list. "
                "Pass the finished row as `token_ids_0`."
            )
        special = set(self.all_special_ids) - {self.unk_token_id}
        return [int(index in special) for index in token_ids_0]

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """How many special tokens the template adds: 2, or 3 for a pair."""
        return template.n_special(pair=pair)

    @property
    def max_len_single_sentence(self) -> int:
        """How many tokens of a single text fit into `model_max_length`."""
        return self.model_max_length - self.num_special_tokens_to_add()

    @property
    def max_len_sentences_pair(self) -> int:
        """How many tokens of a pair fit into `model_max_length`."""
        return self.model_max_length - self.num_special_tokens_to_add(pair=True)

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
        options = self._options(
            add_special_tokens=add_special_tokens,
            padding=padding,
            truncation=truncation,
            max_length=max_length,
            stride=stride,
            **kwargs,
        )
        second = None if pair_ids is None else [list(pair_ids)]
        columns = self._columns_of_ids([list(ids)], second, options)
        self._finish(columns, options)
        return BatchEncoding(
            {name: column[0] for name, column in columns.items()},
            tensor_type=options.return_tensors,
            prepend_batch_axis=prepend_batch_axis,
        )

    def truncate_sequences(
        self,
        ids: list[int],
        pair_ids: list[int] | None = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: str = "longest_first",
        stride: int = 0,
    ) -> tuple[list[int], list[int] | None, list[int]]:
        """Remove tokens from ids without special tokens; the third list is what was removed."""
        return from_ids.truncate_sequences(
            *(ids, pair_ids, num_tokens_to_remove),
            strategy=truncation_strategy,
            stride=stride,
            side=self.truncation_side,
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

        The input is not changed. Tensors come back as tensors of the same framework.
        """
        options = self._options(
            padding=padding,
            max_length=max_length,
            pad_to_multiple_of=pad_to_multiple_of,
            return_attention_mask=return_attention_mask,
            verbose=verbose,
        )
        columns, kind, single = from_ids.read_columns(encoded_inputs)
        if options.return_attention_mask and "attention_mask" not in columns:
            columns["attention_mask"] = [[1] * len(row) for row in columns["input_ids"]]
        self._finish(columns, options)
        data = {name: column[0] for name, column in columns.items()} if single else columns
        return BatchEncoding(data, tensor_type=return_tensors or kind)

    # ---- inner steps

    def _options(
        self,
        *,
        padding: bool | str = False,
        truncation: bool | str | None = None,
        max_length: int | None = None,
        **flags: Any,
    ) -> CallOptions:
        """The call's options with the page's defaults and rules applied."""
        if not flags.keys() <= OPTION_NAMES:
            unknown = sorted(flags.keys() - OPTION_NAMES)
            self._refuse_keywords(unknown)
            flags = {name: flag for name, flag in flags.items() if name not in unknown}
        options = CallOptions(truncation_side=self.truncation_side, **flags)
        if padding is not False or truncation is not None or max_length is not None:
            options.padding, options.truncation, options.max_length = resolve_strategies(
                *(padding, truncation, max_length),
                pad_to_multiple_of=options.pad_to_multiple_of,
                model_max_length=self.model_max_length,
                pad_token=self.pad_token,
                verbose=options.verbose,
            )
        if options.return_token_type_ids is None:
            options.return_token_type_ids = "token_type_ids" in self.model_input_names
        if options.return_attention_mask is None:
            options.return_attention_mask = "attention_mask" in self.model_input_names
        return options

    def _finish(self, columns: Columns, options: CallOptions) -> int | None:
        """Pad the columns as asked, add their lengths; the length rows were padded to, if any."""
        lengths = [len(row) for row in columns["input_ids"]]
        if options.max_length is None and options.verbose:
            self._warn_if_too_long(lengths)
        length = options.padded_length(lengths)
        if length is not None:
            pad_columns(
                columns,
                length,
                side=self.padding_side,
                pad_id=self.convert_tokens_to_ids(self.pad_token),  # pyright: ignore
                pad_type_id=self.pad_token_type_id,
            )
        if options.return_length and "length" not in columns:
            columns["length"] = [len(row) for row in columns["input_ids"]]
        return length

    def _row(
        self,
        first: Pieces,
        first_kept: slice,
        second: Pieces | None = None,
        second_kept: slice = slice(0),
        *,
        complete: bool = True,
    ) -> Encoding:
        """One row of the kept pieces in Python; `complete` adds the special tokens."""
        parts = [Encoding.of_text(first, first_kept, sequence=0, type_id=0)]
        if second is not None:
            parts.append(Encoding.of_text(second, second_kept, sequence=1, type_id=1))
        if complete:
            cls_id, sep_id = self._template_ids()
            cls = Encoding.of_special(str(self.cls_token), cls_id, 0)
            sep = [Encoding.of_special(str(self.sep_token), sep_id, type_id) for type_id in (0, 1)]
            parts = [cls, parts[0], sep[0], *(p for part in parts[1:] for p in (part, sep[1]))]
        return Encoding.joined(parts)

    def _columns_of_ids(
        self,
        first: Sequence[list[int]],
        second: Sequence[list[int] | None] | None,
        options: CallOptions,
    ) -> Columns:
        cls_id, sep_id = self._template_ids()
        return from_ids.columns_of_ids(
            *(first, second, options),
            cls_id=cls_id,
            sep_id=sep_id,
        )

    def _template_ids(self) -> tuple[int, int]:
        cls_id, sep_id = self.cls_token_id, self.sep_token_id
        if cls_id is None or sep_id is None:
            raise InputError(
                "The template needs `cls_token` and `sep_token`: got "
                f"{self.cls_token!r} and {self.sep_token!r}. Set both."
            )
        return cls_id, sep_id

    def _warn_if_too_long(self, lengths: list[int]) -> None:
        longest = max(lengths, default=0)
        if longest > self.model_max_length:
            warnings.warn(
                f"A text has {longest} tokens but the model takes {self.model_max_length}. "
                "Pass `truncation=True`.",
                stacklevel=5,
            )
