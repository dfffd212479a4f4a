"""Scores of answers equal those of the official scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.tasks.question_answering.metrics import (
    normalize,
    span_scores,
    squad_scores,
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
    golds = {question["id"]: question["golds"] for question in recorded["questions"]}
    said = {question["id"]: question["prediction"] for question in recorded["questions"]}
    expected = recorded["summary"]
    found = squad_scores(golds, said)
    assert found == pytest.approx({name: expected[name] for name in found}, abs=1e-12)
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


def test_a_missing_prediction_scores_nothing_and_kinds_are_split_only_where_there_are_two() -> None:
    assert squad_scores({"a": ["x"], "b": ["y"]}, {"a": "x"}) == {"exact": 50.0, "f1": 50.0}
    ones = np.ones(2)
    assert set(summarize(ones, ones, np.zeros(2, dtype=bool))) == {
        *("exact", "f1", "NoAns_exact", "NoAns_f1")
    }
