"""The rows and columns of a call, from the tokens of its texts: truncation, template, masks.

Also what `pad` is given, as columns. Knows no vocabulary.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from distilbert.errors import InputError
from distilbert.tokenization.batch_encoding import BatchEncoding
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.encoding import Encoding, Pieces, Row
from distilbert.tokenization.engine import Engine
from distilbert.tokenization.inputs import Examples
from distilbert.tokenization.padding import Padding, pad_columns
from distilbert.tokenization.template import Template
from distilbert.tokenization.tensors import framework_of, to_list
from distilbert.tokenization.truncation import UNCUT, Cut, check_stride, cut_fast, cut_slow

Columns = dict[str, list[Any]]
# One column of an example: its values for the first text and, in a pair, for the second.
Pair = tuple[list[Any], list[Any] | None]
# The column of ids in the result of a call.
IDS = "input_ids"
# The attributes of pieces that become columns of an encoding.
PIECES = ("ids", "tokens", "offsets", "word_ids")


@dataclass(slots=True)
class RowBuilder:
    """Turns the tokens of texts into rows as one call asks.

    Args:
        template: the ids of the special tokens to add.
        fast: whether the rules of the fast tokenizer apply to truncation and overflow.
        model_max_length: a text that is longer is reported in a warning.
        padding: what rows are padded with, for calls that pad.
    """

    options: CallOptions
    template: Template
    fast: bool
    model_max_length: int
    padding: Padding

    def encode(self, examples: Examples, engine: Engine) -> BatchEncoding:
        """The result of a call; tokens, words and offsets are computed when they are asked for."""
        options, split = self.options, self.options.is_split_into_words
        if self.fast and not examples.is_batch and examples.second and not examples.second[0]:
            # The reference drops an empty second text of a single call, but keeps it in a batch.
            examples = examples._replace(second=None)

        def find_pieces() -> list[Any]:
            return examples.map(lambda texts: engine.pieces(texts, split=split))

        pieces = find_pieces() if options.return_offsets_mapping else None
        if pieces is None:
            columns = self.columns(examples.map(lambda texts: engine.ids(texts, split=split)))
        else:
            columns = self.columns(_column(pieces, "ids"), _column(pieces, "offsets"))
        if options.return_length and examples.is_batch and not self.fast:
            # As in the reference: lengths in a batch leave padding out, that of one text does not.
            columns["length"] = [len(row) for row in columns["input_ids"]]
        length = self.pad(columns)
        revision = engine.revision

        def encodings() -> list[Row]:
            if engine.revision != revision:
                raise InputError(
                    "Words and offsets are computed when they are first asked for: got a tokenizer "
                    "that was changed since the call. Encode the text again."
                )
            rows = self.encodings(find_pieces() if pieces is None else pieces, engine)
            if length is not None:
                for row in rows:
                    row.pad(length, **self.padding._asdict())
            return rows

        if not examples.is_batch and options.return_tensors is None:
            columns = self._unbatch(columns)
        return BatchEncoding(
            columns, encodings, is_fast=self.fast, tensor_type=options.return_tensors
        )

    def columns(self, ids: Sequence[Pair], offsets: Sequence[Pair] | None = None) -> Columns:
        """The unpadded columns of a call from the ids of its texts.

        Raises:
            InputError: options that contradict each other.
        """
        options, template = self.options, self.template
        self._check(ids)
        overflow: Columns = {}
        if options.truncation is not None or options.return_overflowing_tokens:
            cuts = [self._cuts(len(first), _length(second)) for first, second in ids]
            if options.return_overflowing_tokens:
                overflow = self._overflow(ids, cuts)
            kept = cuts if self._overflows_into_rows() else [parts[:1] for parts in cuts]
            ids = cut(ids, kept)
            offsets = None if offsets is None else cut(offsets, kept)
        rows = [template.fill(first, second) for first, second in ids]
        columns: Columns = {"input_ids": rows}
        if options.return_token_type_ids:
            columns["token_type_ids"] = [template.type_ids(len(a), _length(b)) for a, b in ids]
        if options.return_attention_mask:
            columns["attention_mask"] = [[1] * len(row) for row in rows]
        if options.return_special_tokens_mask:
            mask = template.special_tokens_mask
            columns["special_tokens_mask"] = [mask(len(a), _length(b)) for a, b in ids]
        if offsets is not None:
            no_span = template.with_value((0, 0))
            columns["offset_mapping"] = [no_span.fill(first, second) for first, second in offsets]
        return columns | overflow

    def pad(self, columns: Columns, main: str = IDS) -> int | None:
        """Pad the columns as asked, add their lengths; the length rows were padded to, if any.

        The ids are in the column `main`.
        """
        options = self.options
        lengths = [len(row) for row in columns[main]]
        longest = max(lengths, default=0)
        if options.max_length is None and options.verbose and longest > self.model_max_length:
            warnings.warn(
                f"A text has {longest} tokens but the model takes {self.model_max_length}. "
                "Pass `truncation=True`.",
                stacklevel=5,
            )
        length = options.padded_length(lengths)
        if length is not None:
            pad_columns(columns, length, self.padding, main)
        if options.return_length and "length" not in columns:
            columns["length"] = [len(row) for row in columns[main]]
        return length

    def encodings(
        self, pieces: Sequence[tuple[Pieces, Pieces | None]], engine: Engine
    ) -> list[Row]:
        """The rows of a call with tokens, words and offsets."""
        special = Template()
        if self.options.add_special_tokens:
            special = Template.of(*map(engine.special_tokens.text, ("cls_token", "sep_token")))
        values = (self.template, special, *map(self.template.with_value, ((0, 0), None)))
        rows: list[Row] = []
        for first, second in pieces:
            given = (first,) if second is None else (first, second)
            cuts = self._cuts(*(len(text) for text in given))
            row = None  # a pair has none: the Rust library would lose its sequence ids
            if cuts is UNCUT and second is None:
                row = engine.row(first, add_special_tokens=self.options.add_special_tokens)
            if row is not None:
                rows.append(row)
                continue
            # Read once: the Rust library makes a new list each time.
            texts = [[getattr(text, name) for name in PIECES] for text in given]
            row, *further = [self._encoding(texts, cut, values) for cut in cuts]
            if self.fast:
                row.overflowing = further
            rows += [row, *further] if self._overflows_into_rows() else [row]
        return rows

    def _unbatch(self, columns: Columns) -> dict[str, Any]:
        """The columns of a single text without their batch axis."""
        if not self.fast:
            return {name: column[0] for name, column in columns.items()}
        # As in the reference: windows remain rows, and plain numbers remain in their list.
        if self.options.return_overflowing_tokens:
            return columns
        return {n: c[0] if isinstance(c[0], list) else c for n, c in columns.items()}

    def _overflows_into_rows(self) -> bool:
        return self.fast and self.options.return_overflowing_tokens

    def _cuts(self, n_first: int, n_second: int | None = None) -> list[Cut]:
        """What is kept of an example, then what was cut off: further windows, or removed tokens."""
        # As in the reference, a length of 0 means no limit to the slow tokenizer.
        unlimited = self.options.max_length == 0 and not self.fast
        excess = self._n_excess(n_first, n_second)
        if excess <= 0 or self.options.truncation is None or unlimited:
            return UNCUT
        return (cut_fast if self.fast else cut_slow)(n_first, n_second, excess, self.options)

    def _n_excess(self, n_first: int, n_second: int | None) -> int:
        """How many tokens a row has beyond `max_length`: negative for fewer, 0 without a limit."""
        if self.options.max_length is None:
            return 0
        n_special = self.template.n_special(pair=n_second is not None)
        return n_first + (n_second or 0) + n_special - self.options.max_length

    def _overflow(self, ids: Sequence[Pair], cuts: list[list[Cut]]) -> Columns:
        """The columns that report what was cut off."""
        if self.fast:
            samples = [sample for sample, parts in enumerate(cuts) for _ in parts]
            return {"overflow_to_sample_mapping": samples}
        cut_off = [removed(pair, parts) for pair, parts in zip(ids, cuts, strict=True)]
        excess = [self._n_excess(len(first), _length(second)) for first, second in ids]
        return {"overflowing_tokens": cut_off, "num_truncated_tokens": excess}

    def _encoding(self, texts: list[list[Any]], cut: Cut, values: Sequence[Template]) -> Encoding:
        """One row of the parts of one or two texts; `values` are those of special tokens."""
        parts = [[column[kept] for column in text] for text, kept in zip(texts, cut, strict=False)]
        first, second = parts if len(parts) == 2 else (parts[0], [None] * len(PIECES))
        ids, tokens, offsets, word_ids = map(Template.fill, values, first, second)
        n_first, n_second = len(first[0]), _length(second[0])
        return Encoding(
            ids,
            self.template.type_ids(n_first, n_second),
            tokens,
            offsets,
            word_ids,
            values[-1].fill([0] * n_first, None if n_second is None else [1] * n_second),
            self.template.special_tokens_mask(n_first, n_second),
            [1] * len(ids),
        )

    def _check(self, ids: Sequence[Pair]) -> None:
        options = self.options
        if self.fast:
            if options.truncation is not None:
                check_stride(options)
            return
        if options.return_token_type_ids and not options.add_special_tokens:
            raise InputError(
                "`return_token_type_ids=True` needs `add_special_tokens=True`: got False. "
                "Drop one of the two."
            )
        overflows = options.return_overflowing_tokens and options.truncation == "longest_first"
        if overflows and any(second is not None for _, second in ids):
            raise InputError(
                "Overflowing tokens of a pair need `truncation='only_first'` or 'only_second': got "
                "'longest_first', which removes from both."
            )


def read_columns(
    encoded: Mapping[str, Any] | Sequence[Mapping[str, Any]], main: str
) -> tuple[Columns, str | None, bool]:
    """What `pad` was given, as columns of lists; its framework; whether it was a single row.

    The ids are in the column `main`.

    Raises:
        InputError: no ids, or columns of different lengths.
    """
    if isinstance(encoded, list | tuple):
        names = list(encoded[0]) if encoded else [main]
        for number, example in enumerate(encoded):
            if missing := [name for name in names if name not in example]:
                raise InputError(
                    f"Every example must have the columns of the first: example {number} lacks "
                    f"{', '.join(missing)}."
                )
        encoded = {name: [example[name] for example in encoded] for name in names}
    if not isinstance(encoded, Mapping) or main not in encoded:
        got = list(encoded) if isinstance(encoded, Mapping) else type(encoded).__name__
        raise InputError(f"`pad` needs a column `{main}`: got {got}.")
    ids = encoded[main]
    first = ids[0] if framework_of(ids) is None and len(ids) else ids
    kind = framework_of(first)
    columns: Columns = {name: to_list(column) for name, column in encoded.items()}
    single = bool(columns[main]) and not isinstance(columns[main][0], list)
    if single:
        return {name: [column] for name, column in columns.items()}, kind, True
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"All columns must have one row per example: got {sizes}.")
    return columns, kind, False


def cut(pairs: Sequence[Pair], cuts: Sequence[list[Cut]]) -> list[Pair]:
    """One pair for each part that is kept of an example."""
    return [
        (first[part.first], None if second is None else second[part.second])
        for (first, second), parts in zip(pairs, cuts, strict=True)
        for part in parts
    ]


def _column(pairs: list[tuple[Any, Any]], name: str) -> list[Pair]:
    """An attribute of the pieces of each example."""
    return [(getattr(a, name), None if b is None else getattr(b, name)) for a, b in pairs]


def removed(pair: Pair, cuts: list[Cut]) -> list[int]:
    """The ids that `cut_slow` removed from one of two texts; none if it does not say which."""
    first, second = pair
    return [i for cut in cuts[1:] for i in (*first[cut.first], *(second or [])[cut.second])]


def _length(values: list[Any] | None) -> int | None:
    return None if values is None else len(values)
