"""Rows from ids that are there already: template, truncation, padding of ready columns.

The slow tokenizer's calls, `prepare_for_model`, `truncate_sequences` and `pad` on both classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distilbert.errors import InputError
from distilbert.tokenization import template
from distilbert.tokenization.call_options import TRUNCATION, CallOptions
from distilbert.tokenization.tensors import framework_of, to_list
from distilbert.tokenization.truncation import EVERYTHING, Cut, cut_slow, n_excess

Columns = dict[str, list[Any]]
IdRow = tuple[list[int], list[int] | None]


def plan_cut(n_first: int, n_second: int | None, options: CallOptions) -> Cut:
    """What stays of a row with these lengths under the slow tokenizer's rules."""
    excess = n_excess(n_first, n_second, options)
    if excess <= 0 or not options.max_length:
        return EVERYTHING
    return cut_slow(
        *(n_first, n_second, excess),
        strategy=options.truncation,
        stride=options.stride,
        side=options.truncation_side,
    )


def columns_of_ids(
    first: Sequence[list[int]],
    second: Sequence[list[int] | None] | None,
    options: CallOptions,
    *,
    cls_id: int,
    sep_id: int,
) -> Columns:
    """The unpadded columns of rows given as ids, one row per entry of `first`.

    Raises:
        InputError: options the slow tokenizer cannot serve together.
    """
    _check(options, pairs=second is not None)
    rows: list[IdRow] = list(zip(first, second or [None] * len(first), strict=True))
    overflow: Columns = {}
    if options.truncation is not None or options.return_overflowing_tokens:
        cuts = [plan_cut(len(a), _size(b), options) for a, b in rows]
        if options.return_overflowing_tokens:
            overflow = _overflow_columns(rows, cuts, options)
        rows = [
            (a[cut.first], b if b is None else b[cut.second]) for cut, (a, b) in _zip(cuts, rows)
        ]
    return columns_of_rows(rows, options, cls_id=cls_id, sep_id=sep_id) | overflow


def columns_of_rows(
    rows: Sequence[IdRow], options: CallOptions, *, cls_id: int, sep_id: int
) -> Columns:
    """The columns a call asks for, from ids that fit already."""
    complete = options.add_special_tokens
    if complete:
        ids = [template.fill(a, b, cls_id=cls_id, sep_id=sep_id) for a, b in rows]
    else:
        ids = [a if b is None else a + b for a, b in rows]
    columns: Columns = {"input_ids": ids}
    if options.return_token_type_ids:
        columns["token_type_ids"] = (
            [template.type_ids(len(a), _size(b)) for a, b in rows]
            if complete
            else [[0] * len(a) + [1] * (_size(b) or 0) for a, b in rows]
        )
    if options.return_attention_mask:
        columns["attention_mask"] = [[1] * len(row) for row in ids]
    if options.return_special_tokens_mask:
        columns["special_tokens_mask"] = (
            [template.special_tokens_mask(len(a), _size(b)) for a, b in rows]
            if complete
            else [[0] * len(row) for row in ids]
        )
    return columns


def truncate_sequences(
    ids: list[int],
    pair_ids: list[int] | None,
    n_remove: int,
    *,
    strategy: str | bool | None,
    stride: int,
    side: str,
) -> tuple[list[int], list[int] | None, list[int]]:
    """What stays of both lists, and what was removed (with `stride` neighbours)."""
    if strategy not in TRUNCATION:
        raise InputError(
            f"`truncation_strategy` must be one of {list(TRUNCATION)}: got {strategy!r}."
        )
    cut = cut_slow(
        *(len(ids), _size(pair_ids), n_remove),
        strategy=TRUNCATION[strategy],
        stride=stride,
        side=side,
    )
    removed = _overflow(ids, pair_ids, cut)
    return ids[cut.first], None if pair_ids is None else pair_ids[cut.second], removed


def read_columns(
    encoded: Mapping[str, Any] | Sequence[Mapping[str, Any]],
) -> tuple[Columns, str | None, bool]:
    """What `pad` was given, as columns of plain rows; its framework; whether it was a single row.

    Raises:
        InputError: no ids, or columns of different lengths.
    """
    if isinstance(encoded, list | tuple):
        names = list(encoded[0]) if encoded else ["input_ids"]
        encoded = {name: [example[name] for example in encoded] for name in names}
    if not isinstance(encoded, Mapping) or "input_ids" not in encoded:
        got = list(encoded) if isinstance(encoded, Mapping) else type(encoded).__name__
        raise InputError(f"`pad` needs a column `input_ids`: got {got}.")
    ids = encoded["input_ids"]
    first = ids[0] if framework_of(ids) is None and len(ids) else ids
    kind = framework_of(first)
    columns: Columns = {name: to_list(column) for name, column in encoded.items()}
    single = bool(columns["input_ids"]) and not isinstance(columns["input_ids"][0], list)
    if single:
        return {name: [column] for name, column in columns.items()}, kind, True
    sizes = {name: len(column) for name, column in columns.items()}
    if len(set(sizes.values())) > 1:
        raise InputError(f"All columns must have one row per example: got {sizes}.")
    return columns, kind, False


def _check(options: CallOptions, *, pairs: bool) -> None:
    if options.return_token_type_ids and not options.add_special_tokens:
        raise InputError(
            "`return_token_type_ids=True` needs `add_special_tokens=True`: got False. "
            "Drop one of the two."
        )
    if options.return_overflowing_tokens and pairs and options.truncation == "longest_first":
        raise InputError(
            "Overflowing tokens of a pair need `truncation='only_first'` or 'only_second': got "
            "'longest_first', which removes from both."
        )


def _overflow_columns(rows: list[Any], cuts: list[Cut], options: CallOptions) -> Columns:
    return {
        "overflowing_tokens": [_overflow(a, b, cut) for cut, (a, b) in _zip(cuts, rows)],
        "num_truncated_tokens": [n_excess(len(a), _size(b), options) for a, b in rows],
    }


def _overflow(ids: list[int], pair_ids: list[int] | None, cut: Cut) -> list[int]:
    if cut.overflow is None:
        return []
    return (pair_ids or [])[cut.overflow] if cut.overflow_of else ids[cut.overflow]


def _size(ids: list[int] | None) -> int | None:
    return None if ids is None else len(ids)


def _zip(cuts: list[Cut], rows: list[Any]) -> Iterable[tuple[Cut, Any]]:
    return zip(cuts, rows, strict=True)
