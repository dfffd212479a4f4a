"""Scores of values against those of SciPy and scikit-learn, recorded."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distilbert.tasks.sequence_classification.regression_metrics import pearson, ranks, value_scores


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
