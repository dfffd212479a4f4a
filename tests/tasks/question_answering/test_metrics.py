"""Scores of answers equal those of the official scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.tasks.question_answering.metrics import (
    best_null_threshold,
    normalize,
    span_scores,
    summarize,
)


@pytest.fixture(scope="module")
def recorded(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "squad_scores.json").read_text(encoding="utf-8"))


def test_each_answer_scores_as_in_the_official_script(recorded: dict[str, Any]) -> None:
    for question in recorded["questions"]:
        found = span_scores(question["prediction"], question["golds"])
        assert found == pytest.approx((question["exact"], question["f1"]), abs=1e-12)


def test_a_data_set_scores_as_in_the_official_script(recorded: dict[str, Any]) -> None:
    questions = recorded["questions"]
    pairs = [span_scores(question["prediction"], question["golds"]) for question in questions]
    answerable = np.array([bool(question["golds"]) for question in questions])
    exact, f1 = np.array(pairs).T
    found = summarize(exact, f1, answerable)
    expected = {name: recorded["summary"][name] for name in found}
    assert found == pytest.approx(expected, abs=1e-12)
    assert len(found) == 6


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("The U.S. Army!", "us army"),
        ("an  Apple, a day", "apple day"),
        ("Theater of a", "theater of"),
        ("«Über»\u00a0den «the»", "«über» den « »"),  # other punctuation stays
        ("the", ""),
        ("a-b", "ab"),
    ],
)
def test_normal_form(text: str, normal: str) -> None:
    assert normalize(text) == normal


@pytest.mark.parametrize(
    ("prediction", "golds", "version", "expected"),
    [
        ("the cat", ["Cat", "dog"], 1, (1, 1)),
        ("black cat", ["cat"], 1, (0, 2 / 3)),  # precision 1/2, recall 1
        ("cat cat dog", ["cat dog dog"], 1, (0, 2 / 3)),  # two words in common
        ("", ["cat"], 2, (0, 0)),
        ("", [], 2, (1, 1)),
        ("cat", [], 2, (0, 0)),
        ("", ["the"], 2, (1, 1)),
        ("", ["the"], 1, (1, 0)),
        ("cat", [], 1, (0, 0)),
    ],
)
def test_hand_worked_scores(
    prediction: str, golds: list[str], version: int, expected: tuple[float, float]
) -> None:
    assert span_scores(prediction, golds, version=version) == pytest.approx(expected)


def test_kinds_of_questions_have_scores_only_if_there_are_two() -> None:
    ones = np.ones(2)
    assert summarize(np.array([1.0, 0.0]), np.array([1.0, 0.0]), ones > 0) == {
        "exact": 50.0,
        "f1": 50.0,
    }
    assert set(summarize(ones, ones, np.zeros(2, dtype=bool))) == {
        *("exact", "f1", "NoAns_exact", "NoAns_f1")
    }


@pytest.mark.parametrize("name", ["exact", "f1"])
def test_the_threshold_is_that_of_the_official_script(golden: Path, name: str) -> None:
    recorded = json.loads((golden / "squad_scores.json").read_text(encoding="utf-8"))
    questions = recorded["questions"]
    margin = np.array([question["doubt"] for question in questions])
    score = np.array([question[name] for question in questions])
    null = np.array([float(not question["golds"]) for question in questions])
    threshold, best = best_null_threshold(margin, score, null)
    assert threshold == recorded["summary"][f"best_{name}_thresh"]
    assert 100 * best == pytest.approx(recorded["summary"][f"best_{name}"], abs=1e-12)


def test_equal_margins_are_decided_together() -> None:
    margin = np.array([1.0, 1.0, 2.0])
    threshold, best = best_null_threshold(
        margin, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 1.0])
    )
    assert threshold < 1.0  # answering one of the first two answers both, and wins nothing
    assert best == pytest.approx(2 / 3)


def test_all_may_be_answered_and_none_may_be() -> None:
    ones, zeros, margin = np.ones(3), np.zeros(3), np.array([3.0, -1.0, 2.0])
    assert best_null_threshold(margin, ones, zeros) == (3.0, 1.0)
    threshold, best = best_null_threshold(margin, zeros, ones)
    assert (threshold < -1.0, best) == (True, 1.0)
    assert best_null_threshold(margin[:0], ones[:0], zeros[:0]) == (0.0, 0.0)
