"""How the logits of several windows become one row."""

from __future__ import annotations

from typing import get_args

import numpy as np

from distilbert.tasks.combination import Combination, combine

ROWS = np.array([[1.0, 0.0], [3.0, -4.0]], dtype=np.float32)


def test_mean_weighs_windows_by_their_fresh_tokens() -> None:
    assert combine(ROWS, [3, 1], "mean").tolist() == [1.5, -1.0]


def test_max_takes_the_highest_value_of_each_column() -> None:
    assert combine(ROWS, [3, 1], "max").tolist() == [3.0, 0.0]


def test_first_ignores_later_windows() -> None:
    assert combine(ROWS, [3, 1], "first").tolist() == [1.0, 0.0]


def test_one_window_is_untouched_by_any_rule() -> None:
    for rule in get_args(Combination):
        assert combine(ROWS[:1], [7], rule).tolist() == [1.0, 0.0]
