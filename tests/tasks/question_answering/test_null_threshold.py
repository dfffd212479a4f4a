"""The threshold found is the best there is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distilbert.tasks.question_answering.null_threshold import best_threshold


@pytest.mark.parametrize("name", ["exact", "f1"])
def test_the_threshold_is_that_of_the_official_script(golden: Path, name: str) -> None:
    recorded = json.loads((golden / "squad_scores.json").read_text(encoding="utf-8"))
    questions = recorded["questions"]
    doubt = np.array([question["doubt"] for question in questions])
    score = np.array([question[name] for question in questions])
    null = np.array([float(not question["golds"]) for question in questions])
    threshold, best = best_threshold(doubt, score, null)
    assert threshold == recorded["summary"][f"best_{name}_thresh"]
    assert 100 * best == pytest.approx(recorded["summary"][f"best_{name}"], abs=1e-12)


def test_equal_doubts_stand_or_fall_together() -> None:
    doubt = np.array([1.0, 1.0, 2.0])
    threshold, best = best_threshold(doubt, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0]))
    assert threshold < 1.0  # answering one of the first two answers both, and wins nothing
    assert best == pytest.approx(2 / 3)


def test_all_may_be_answered_and_none_may_be() -> None:
    ones, zeros, doubt = np.ones(3), np.zeros(3), np.array([3.0, -1.0, 2.0])
    assert best_threshold(doubt, ones, zeros) == (3.0, 1.0)
    threshold, best = best_threshold(doubt, zeros, ones)
    assert (threshold < -1.0, best) == (True, 1.0)
    assert best_threshold(doubt[:0], ones[:0], zeros[:0]) == (0.0, 0.0)
