"""Which tokens stay: hand-worked cases of both rule sets, windows against the Rust library."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers

from distilbert.errors import InputError
from distilbert.tokenization.call_options import CallOptions
from distilbert.tokenization.truncation import (
    ALL,
    NOTHING,
    UNCUT,
    Cut,
    check_stride,
    cut_fast,
    cut_slow,
    window_spans,
)


def cut(n_first, n_second, n_remove, strategy="longest_first", stride=0, side="right"):
    options = CallOptions(truncation=strategy, stride=stride, truncation_side=side)
    return cut_slow(n_first, n_second, n_remove, options)


def test_a_single_text_loses_its_end_and_reports_it_with_neighbours():
    assert cut(5, None, 2, stride=1) == [Cut(slice(0, 3), ALL), Cut(slice(2, 5), NOTHING)]
    left = cut(5, None, 2, stride=1, side="left")
    assert left == [Cut(slice(2, 5), ALL), Cut(slice(0, 3), NOTHING)]


def test_longest_first_takes_the_surplus_then_alternates():
    assert cut(5, 3, 3) == [(slice(0, 3), slice(0, 2))]
    assert cut(3, 5, 3) == [(slice(0, 3), slice(0, 2))]
    assert cut(4, 4, 1) == [(slice(0, 4), slice(0, 3))]  # the tie leaves the first its token
    assert cut(4, 2, 1, side="left") == [(slice(1, 4), slice(0, 2))]


def test_the_one_text_named_is_cut():
    assert cut(5, 3, 2, "only_second") == [Cut(ALL, slice(0, 1)), Cut(NOTHING, slice(1, 3))]
    assert cut(5, 3, 2, "only_first", 2) == [Cut(slice(0, 3), ALL), Cut(slice(1, 5), NOTHING)]


def test_nothing_is_cut_without_need_or_strategy():
    assert cut(5, None, 0) == UNCUT
    assert cut(5, None, 2, None) == UNCUT
    assert cut(5, None, 2, "only_second") == UNCUT


def test_a_cut_that_is_too_large_is_logged_and_leaves_the_text(caplog):
    with caplog.at_level(logging.ERROR):
        assert cut(2, 9, 3, "only_first") == UNCUT
    assert "must remove 3 tokens but the first text has only 2" in caplog.text


def kept(n_first, n_second, capacity, strategy="longest_first") -> tuple[int, int]:
    """How many tokens of each text the fast tokenizer keeps in its first window."""
    options = CallOptions(max_length=capacity + 2, truncation=strategy)
    first, second = cut_fast(n_first, n_second, n_first + (n_second or 0) - capacity, options)[0]
    return len(range(n_first)[first]), len(range(n_second or 0)[second])


def test_the_fast_tie_goes_to_the_second_text():
    assert kept(4, 4, 5) == (2, 3)
    assert kept(6, 4, 5) == (3, 2)
    assert kept(9, 2, 8) == (6, 2)
    assert kept(9, None, 8) == (8, 0)
    assert kept(9, 2, 20) == (9, 2)
    assert kept(9, 2, 0, "only_first") == (0, 0)
    assert kept(9, 2, 8, "only_first") == (6, 2)
    assert kept(2, 9, 8, "only_second") == (2, 6)


def test_what_cannot_be_cut_is_refused():
    with pytest.raises(InputError, match="must remove 3 tokens, but that text has only 2"):
        kept(2, 9, 8, "only_first")
    with pytest.raises(InputError, match="needs a second text"):
        kept(9, None, 8, "only_second")
    with pytest.raises(InputError, match=r"number of special tokens: got 2\. Use at least 3"):
        cut_fast(5, 5, 11, CallOptions(max_length=2, truncation="longest_first"))


def test_spans_cover_the_text_and_share_the_overlap():
    assert window_spans(10, 4, 1) == [(0, 4), (3, 7), (6, 10)]
    assert window_spans(11, 4, 1) == [(0, 4), (3, 7), (6, 10), (9, 11)]
    assert window_spans(4, 4, 4) == [(0, 4)]
    assert window_spans(0, 4, 1) == window_spans(0, 0, 0) == [(0, 0)]
    with pytest.raises(InputError, match="for windows of 0 tokens"):
        window_spans(1, 0, 0)


def test_windows_must_contain_new_tokens():
    options = CallOptions(max_length=6, truncation="longest_first", stride=4)
    with pytest.raises(InputError, match="got stride=4 for windows of 4 tokens"):
        cut_fast(9, None, 5, options)
    check_stride(options)


def test_no_capacity_gives_an_empty_window_and_the_full_text():
    options = CallOptions(max_length=2, truncation="longest_first")
    assert [a for a, _ in cut_fast(9, None, 9, options)] == [NOTHING, ALL]


def test_a_stride_longer_than_any_window_is_refused_at_once():
    with pytest.raises(InputError, match="got stride=5 for windows of 4 tokens"):
        check_stride(CallOptions(max_length=6, stride=5))


RUST = Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]"))
RUST.pre_tokenizer = pre_tokenizers.Whitespace()


@given(
    length=st.integers(1, 40),
    room=st.integers(1, 12),
    stride=st.integers(0, 11),
    side=st.sampled_from(["right", "left"]),
)
def test_windows_are_those_of_the_rust_library(length, room, stride, side):
    if stride >= room:
        return
    row = RUST.encode(" ".join("a" * length))
    row.truncate(room, stride=stride, direction=side)
    theirs = [
        (part.offsets[0][0] // 2, part.offsets[-1][0] // 2 + 1) for part in (row, *row.overflowing)
    ]
    options = CallOptions(
        truncation="longest_first", max_length=room + 2, stride=stride, truncation_side=side
    )
    cuts = cut_fast(length, None, length - room, options)
    assert [first.indices(length)[:2] for first, _ in cuts] == theirs


def test_a_length_below_that_of_the_special_tokens_is_blamed_and_not_the_stride():
    for length in (0, 1):
        with pytest.raises(InputError, match=f"must be at least .*: got {length}. Use at least 2"):
            check_stride(CallOptions(max_length=length))
