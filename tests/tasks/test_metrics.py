"""Counts become scores, and thresholds never separate equal scores."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.tasks.metrics import count, precision_recall_f1, ranked, table_rows


def test_decisions_are_counted_per_label() -> None:
    truth = np.array([[1, 0], [1, 1], [0, 0]]) > 0
    predicted = np.array([[1, 1], [0, 1], [0, 0]]) > 0
    assert count(truth, predicted).tolist() == [[1, 1, 2], [1, 2, 1]]


def test_scores_follow_from_counts() -> None:
    assert precision_recall_f1(np.array([1, 2, 4])).tolist() == pytest.approx([0.5, 0.25, 1 / 3])
    assert precision_recall_f1(np.zeros(3)).tolist() == [0, 0, 0]
    assert precision_recall_f1(np.zeros((0, 3), dtype=np.int64)).shape == (0, 3)


def test_a_row_has_the_scores_and_the_support() -> None:
    (row,) = table_rows(np.array([[1, 2, 4]]))
    assert row == {"precision": 0.5, "recall": 0.25, "f1": pytest.approx(1 / 3), "support": 4}


def test_thresholds_come_only_after_the_last_of_equal_scores() -> None:
    order, ends = ranked(np.array([1.0, 3.0, 1.0, 2.0]))
    assert order.tolist() == [1, 3, 0, 2]
    assert ends.tolist() == [True, True, False, True]
    assert [len(array) for array in ranked(np.zeros(0))] == [0, 0]
