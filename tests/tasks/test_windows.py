"""Windows cover a text without loss, and merge back to one row per token."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, strategies as st
from stand_ins import ids_of

from distilbert.errors import InputError
from distilbert.tasks.windows import (
    Combination,
    best_windows,
    combine,
    locate_words,
    merge_rows,
    pair_windows,
    single_windows,
    weighted_spans,
    word_starts,
)

MARKS: Any = SimpleNamespace(cls_token_id=101, sep_token_id=102)


@given(st.integers(0, 300), st.integers(1, 60), st.integers(0, 80))
def test_windows_cover_every_token_and_never_exceed_the_capacity(
    length: int, capacity: int, overlap: int
) -> None:
    spans = weighted_spans(length, capacity, overlap)
    assert spans[0][0] == 0
    assert spans[-1][1] == length
    assert all(stop - start <= capacity for start, stop, _ in spans)
    assert all(b[0] <= a[1] < b[1] for a, b in pairwise(spans))
    assert sum(weight for *_, weight in spans) == max(1, length)


def test_windows_share_the_overlap_asked_for() -> None:
    assert weighted_spans(10, 4, 1) == [(0, 4, 4), (3, 7, 3), (6, 10, 3)]
    assert weighted_spans(11, 4, 1) == [(0, 4, 4), (3, 7, 3), (6, 10, 3), (9, 11, 1)]
    assert weighted_spans(10, 4, 3) == weighted_spans(10, 4, 2)  # at most half the capacity
    assert weighted_spans(10, 4) == weighted_spans(10, 4, 1)  # by default a quarter


def test_single_windows_stand_between_special_tokens() -> None:
    windows = single_windows(MARKS, np.arange(7), max_length=6, overlap=1)
    assert [window.ids.tolist() for window in windows] == [
        [101, 0, 1, 2, 3, 102],
        [101, 3, 4, 5, 6, 102],
    ]
    assert [(w.start, w.stop, w.at, w.weight) for w in windows] == [(0, 4, 1, 4), (3, 7, 1, 3)]


def test_an_empty_text_is_one_window_of_special_tokens() -> None:
    (window,) = single_windows(MARKS, np.arange(0), max_length=6)
    assert window.ids.tolist() == [101, 102]


def test_a_pair_that_fits_is_one_window() -> None:
    (window,) = pair_windows(MARKS, np.array([1, 2]), np.array([7]), max_length=6)
    assert window.ids.tolist() == [101, 1, 2, 102, 7, 102]


def test_the_longer_text_of_a_pair_is_cut_and_the_shorter_kept_whole() -> None:
    long, short = np.arange(8), np.array([50, 51])
    second_cut = pair_windows(MARKS, short, long, max_length=9, overlap=0)
    assert [w.ids.tolist()[:4] for w in second_cut] == [[101, 50, 51, 102]] * 2
    assert [w.ids.tolist()[4:] for w in second_cut] == [[0, 1, 2, 3, 102], [4, 5, 6, 7, 102]]
    assert [w.at for w in second_cut] == [4, 4]
    first_cut = pair_windows(MARKS, long, short, max_length=9, overlap=0)
    assert [w.ids.tolist()[-4:] for w in first_cut] == [[102, 50, 51, 102]] * 2


def test_two_long_texts_meet_in_every_combination() -> None:
    windows = pair_windows(MARKS, np.arange(6), np.arange(10, 16), max_length=9, overlap=0)
    seen = {(int(w.ids[1]), int(w.ids[5])) for w in windows}
    assert seen == {(0, 10), (0, 13), (3, 10), (3, 13)}
    assert [w.weight for w in windows] == [9] * 4


@given(st.integers(1, 200), st.integers(4, 40), st.integers(0, 20))
def test_merged_rows_are_the_tokens_rows_in_order(length: int, size: int, overlap: int) -> None:
    windows = single_windows(MARKS, np.arange(length), max_length=size, overlap=overlap)
    merged = merge_rows(windows, [window.ids[:, None] for window in windows])
    assert merged[:, 0].tolist() == list(range(length))


def test_a_token_is_taken_where_it_has_most_context() -> None:
    windows = single_windows(MARKS, np.arange(12), max_length=10, overlap=4)
    assert [(w.start, w.stop) for w in windows] == [(0, 8), (4, 12)]
    assert best_windows(windows).tolist() == [0] * 6 + [1] * 6


def test_a_tokenizer_without_marks_is_refused() -> None:
    bare: Any = SimpleNamespace(cls_token_id=None, sep_token_id=3)
    with pytest.raises(InputError) as caught:
        single_windows(bare, np.arange(3), max_length=9)
    assert str(caught.value) == (
        "A tokenizer needs `cls_token` and `sep_token` to feed a model: "
        "got cls_token_id=None, sep_token_id=3."
    )


def test_tokens_know_their_characters_and_words(tokenizer: Any) -> None:
    (tokens,) = tokenizer.located_tokens(["Wolfgang  lives."])
    assert tokens.ids.tolist() == ids_of("wolf", "##gang", "lives", ".")
    assert tokens.offsets.tolist() == [[0, 4], [4, 8], [10, 15], [15, 16]]
    assert word_starts(tokens.words).tolist() == [0, 2, 3]


def test_words_given_apart_are_located_in_their_joined_text(tokenizer: Any) -> None:
    words = ["New", "York", "", "Wolfgang,"]
    (tokens,) = locate_words(tokenizer, [words])
    text = " ".join(words)
    pieces = [text[a:b] for a, b in tokens.offsets]
    assert pieces == ["New", "York", "Wolf", "gang", ","]
    assert word_starts(tokens.words).tolist() == [0, 1, 2]


def test_tokens_of_no_word_stand_alone() -> None:
    assert word_starts(np.array([0, 0, -1, -1, 1, 1])).tolist() == [0, 2, 3, 4]
    assert word_starts(np.zeros(0, dtype=np.int64)).tolist() == []


ROWS = np.array([[1.0, 0.0], [3.0, -4.0]], dtype=np.float32)


def test_mean_weights_windows_by_their_new_tokens() -> None:
    assert combine(ROWS, [3, 1], "mean").tolist() == [1.5, -1.0]


def test_max_takes_the_highest_value_of_each_column() -> None:
    assert combine(ROWS, [3, 1], "max").tolist() == [3.0, 0.0]


def test_first_ignores_later_windows() -> None:
    assert combine(ROWS, [3, 1], "first").tolist() == [1.0, 0.0]


def test_one_window_is_unchanged_by_any_rule() -> None:
    for rule in get_args(Combination):
        assert combine(ROWS[:1], [7], rule).tolist() == [1.0, 0.0]


def test_two_very_long_texts_are_refused(tokenizer: Any) -> None:
    long = np.zeros(10_000, dtype=np.int64)
    with pytest.raises(InputError, match="at most 256 windows of 512 tokens: got"):
        pair_windows(tokenizer, long, long, max_length=512)
    assert len(pair_windows(tokenizer, long * 30, long[:9], max_length=64)) > 256
