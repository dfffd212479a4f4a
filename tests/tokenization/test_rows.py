"""Rows and columns from tokens: what is cut, what is refused, what overflow reports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from distilbert.errors import InputError
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.encoding import TextPieces
from distilbert.tokenization.padding import Padding
from distilbert.tokenization.rows import RowBuilder, read_columns
from distilbert.tokenization.special_tokens import SpecialTokens
from distilbert.tokenization.template import Template

FIRST = TextPieces([7, 8, 9], ["he", "##llo", "you"], [(0, 2), (2, 5), (6, 9)], [0, 0, 1])
SECOND = TextPieces([4], ["a"], [(3, 4)], [0])

ENGINE: Any = SimpleNamespace(
    special_tokens=SpecialTokens.take_from({}, None, "[SEP]", None, "[CLS]", None),
    row=lambda pieces, add_special_tokens: None,
)


def builder(*, fast=False, **options):
    template = Template([1], [2]) if options.get("add_special_tokens", True) else Template()
    return RowBuilder(CallOptions(**options), template, fast, 512, Padding())


def build(first, second=None, **options):
    pairs = list(zip(first, second or [None] * len(first), strict=True))
    return builder(**options).columns(pairs)


def test_a_row_is_the_sum_of_its_parts():
    (row,) = builder().encodings([(FIRST, SECOND)], ENGINE)
    assert row.ids == [1, 7, 8, 9, 2, 4, 2]
    assert row.tokens == ["[CLS]", "he", "##llo", "you", "[SEP]", "a", "[SEP]"]
    assert row.offsets == [(0, 0), (0, 2), (2, 5), (6, 9), (0, 0), (3, 4), (0, 0)]
    assert row.type_ids == [0, 0, 0, 0, 0, 1, 1]
    assert row.word_ids == [None, 0, 0, 1, None, 0, None]
    assert row.sequence_ids == [None, 0, 0, 0, None, 1, None]
    assert row.special_tokens_mask == [1, 0, 0, 0, 1, 0, 1]
    assert row.attention_mask == [1] * 7
    assert row.overflowing == []


def test_only_the_kept_tokens_are_in_a_cut_text():
    options = {"truncation": "longest_first", "max_length": 4, "truncation_side": "left"}
    for fast in (False, True):
        (row,) = builder(fast=fast, **options).encodings([(FIRST, None)], ENGINE)
        assert (row.tokens[1:-1], row.offsets[1:-1]) == (["##llo", "you"], [(2, 5), (6, 9)])
    assert [window.ids for window in row.overflowing] == [[1, 7, 2]]


def test_windows_are_rows_of_the_fast_tokenizer():
    options = {"truncation": "longest_first", "max_length": 4, "return_overflowing_tokens": True}
    fast = builder(fast=True, **options)
    columns = fast.columns([([7, 8, 9], None), ([4], None)])
    assert columns["input_ids"] == [[1, 7, 8, 2], [1, 9, 2], [1, 4, 2]]
    assert columns["overflow_to_sample_mapping"] == [0, 0, 1]
    rows = fast.encodings([(FIRST, None), (SECOND, None)], ENGINE)
    assert [row.ids for row in rows] == columns["input_ids"]


def test_offsets_are_cut_like_ids():
    options = {"truncation": "longest_first", "max_length": 4}
    columns = builder(**options).columns([([7, 8, 9], None)], [(FIRST.offsets, None)])
    assert columns["offset_mapping"] == [[(0, 0), (0, 2), (2, 5), (0, 0)]]


def test_the_excess_counts_special_tokens():
    options = {"return_overflowing_tokens": True}
    pair = ([0] * 5, [0] * 3)
    assert builder(max_length=10, **options).columns([pair])["num_truncated_tokens"] == [1]
    single = ([0] * 5, None)
    assert builder(max_length=10, **options).columns([single])["num_truncated_tokens"] == [-3]
    bare = builder(max_length=6, add_special_tokens=False, **options)
    assert bare.columns([pair])["num_truncated_tokens"] == [2]
    assert builder(**options).columns([pair])["num_truncated_tokens"] == [0]


def test_every_column_has_the_length_of_the_ids():
    columns = build(
        [[7, 8], [9]],
        [[5], None],
        return_token_type_ids=True,
        return_attention_mask=True,
        return_special_tokens_mask=True,
    )
    assert columns == {
        "input_ids": [[1, 7, 8, 2, 5, 2], [1, 9, 2]],
        "token_type_ids": [[0, 0, 0, 0, 1, 1], [0, 0, 0]],
        "attention_mask": [[1] * 6, [1] * 3],
        "special_tokens_mask": [[1, 0, 0, 1, 0, 1], [1, 0, 1]],
    }


def test_without_special_tokens_pairs_are_joined():
    columns = build([[7]], [[8]], add_special_tokens=False, return_special_tokens_mask=True)
    assert columns == {"input_ids": [[7, 8]], "special_tokens_mask": [[0, 0]]}


def test_overflow_without_truncation_is_empty_and_counts_nothing():
    columns = build([[7, 8]], return_overflowing_tokens=True)
    assert (columns["overflowing_tokens"], columns["num_truncated_tokens"]) == ([[]], [0])


def test_overflow_of_the_second_text():
    columns = build(
        [[7]],
        [[3, 4, 5]],
        truncation="only_second",
        max_length=5,
        return_overflowing_tokens=True,
    )
    assert columns["input_ids"] == [[1, 7, 2, 3, 2]]
    assert columns["overflowing_tokens"] == [[4, 5]]
    assert columns["num_truncated_tokens"] == [2]


def test_type_ids_need_special_tokens():
    with pytest.raises(InputError, match="needs `add_special_tokens=True`"):
        build([[7]], add_special_tokens=False, return_token_type_ids=True)


def test_overflow_of_a_pair_needs_one_text_to_cut():
    with pytest.raises(InputError, match="need `truncation='only_first'` or 'only_second'"):
        build([[7]], [[8]], truncation="longest_first", return_overflowing_tokens=True)


def test_columns_to_pad_must_fit_together():
    with pytest.raises(InputError, match=r"one row per example: got .'input_ids': 2, 'labels': 1"):
        read_columns({"input_ids": [[1], [2]], "labels": [0]}, "input_ids")
    with pytest.raises(InputError, match=r"needs a column `input_ids`: got \['ids'\]"):
        read_columns({"ids": [[1]]}, "input_ids")
    with pytest.raises(InputError, match="needs a column `input_ids`: got int"):
        read_columns(5, "input_ids")  # type: ignore[arg-type]
