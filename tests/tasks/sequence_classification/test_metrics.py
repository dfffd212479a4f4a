"""Scores of labels and values against those of scikit-learn and SciPy, recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.tasks.sequence_classification.metrics import (
    average_precision,
    best_threshold,
    calibration,
    class_scores,
    confusion,
    label_scores,
    pearson,
    per_label,
    ranks,
    value_scores,
)


@pytest.fixture(scope="module")
def recorded(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "label_scores.json").read_text())


def test_scores_of_classes_are_scikit_learns(recorded: dict[str, Any]) -> None:
    for case in recorded["classes"]:
        truth, predicted = np.array(case["truth"]), np.array(case["predicted"])
        counts = confusion(truth, predicted, case["n_labels"])
        assert counts.tolist() == case["confusion"]
        scores = class_scores(counts, positive=1 if case["n_labels"] == 2 else None)
        assert set(scores) <= set(case)
        for name, value in scores.items():
            assert value == pytest.approx(case[name], abs=1e-12), name


def test_scores_of_several_labels_are_scikit_learns(recorded: dict[str, Any]) -> None:
    for case in recorded["labels"]:
        truth, scores = np.array(case["truth"]) > 0, np.array(case["scores"])
        for name, value in label_scores(truth, scores >= 0.5).items():
            assert value == pytest.approx(case[name], abs=1e-12), name
        for column, expected in enumerate(case["average_precision"]):
            found = average_precision(truth[:, column], scores[:, column])
            assert found == pytest.approx(expected, abs=1e-12)


def test_the_best_threshold_is_no_worse_than_any_other(recorded: dict[str, Any]) -> None:
    for case in recorded["labels"]:
        truth, scores = np.array(case["truth"]) > 0, np.array(case["scores"])
        threshold, f1 = best_threshold(truth, scores)
        assert label_scores(truth, scores >= threshold)["f1_micro"] == pytest.approx(f1)
        tried = [label_scores(truth, scores >= t)["f1_micro"] for t in np.arange(0, 1.001, 0.005)]
        assert f1 >= max(tried) - 1e-12


def test_without_truth_nothing_divides_by_zero() -> None:
    nothing = np.zeros((4, 2), dtype=bool)
    assert label_scores(nothing, nothing) == {"f1_micro": 0.0, "f1_macro": 0.0, "exact": 1.0}
    assert average_precision(nothing[:, 0], np.ones(4)) == 0.0
    assert best_threshold(nothing, np.ones((4, 2)))[1] == 0.0


def test_calibration_counts_each_decision_once() -> None:
    confidence = np.array([0.95, 0.91, 0.55, 0.05, 1.0])
    right = np.array([True, False, True, False, True])
    found = calibration(confidence, right)
    assert [(row["n"], row["accuracy"]) for row in found["bins"]] == [
        (1, 0.0),
        (1, 1.0),
        (3, pytest.approx(2 / 3)),
    ]
    mean = (0.95 + 0.91 + 1.0) / 3
    expected = (0.05 + 0.45 + 3 * abs(mean - 2 / 3)) / 5
    assert found["error"] == pytest.approx(expected)


def test_rows_of_a_table_hold_the_label_and_its_support() -> None:
    (row,) = per_label(("a",), np.array([[1, 2, 4]]))
    assert row == {
        "label": "a",
        "precision": 0.5,
        "recall": 0.25,
        "f1": pytest.approx(1 / 3),
        "support": 4,
    }


def test_scores_of_values_are_scipys(golden: Path) -> None:
    for case in json.loads((golden / "label_scores.json").read_text())["values"]:
        scores = value_scores(np.array(case["truth"]), np.array(case["predicted"]))
        for name in ("pearson", "spearman", "rmse", "mae"):
            assert scores[name] == pytest.approx(case[name], abs=1e-12), name
        mean = (case["pearson"] + case["spearman"]) / 2
        assert scores["pearson_spearman"] == pytest.approx(mean)


def test_equal_values_share_their_rank() -> None:
    assert ranks(np.array([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]


def test_what_never_varies_has_no_correlation() -> None:
    assert pearson(np.ones(3), np.arange(3.0)) == 0.0
