"""Columns from ready ids: what is refused, what overflow reports."""

from __future__ import annotations

import pytest

from distilbert.errors import InputError
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.from_ids import columns_of_ids, read_columns, truncate_sequences


def build(first, second=None, **options):
    return columns_of_ids(first, second, CallOptions(**options), cls_id=1, sep_id=2)


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


def test_an_unknown_strategy_is_refused():
    with pytest.raises(InputError, match="`truncation_strategy` must be one of"):
        truncate_sequences([1], None, 1, strategy="shortest", stride=0, side="right")


def test_columns_to_pad_must_fit_together():
    with pytest.raises(InputError, match=r"one row per example: got .'input_ids': 2, 'labels': 1"):
        read_columns({"input_ids": [[1], [2]], "labels": [0]})
    with pytest.raises(InputError, match=r"needs a column `input_ids`: got \['ids'\]"):
        read_columns({"ids": [[1]]})
    with pytest.raises(InputError, match="needs a column `input_ids`: got int"):
        read_columns(5)  # type: ignore[arg-type]
