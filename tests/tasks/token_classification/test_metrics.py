"""Scores of entities equal seqeval's to the last digit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distilbert.tasks.token_classification.metrics import (
    averages,
    count_entities,
    count_tags,
    per_type,
)

SCORES = ("precision", "recall", "f1")


@pytest.mark.parametrize("mode", ["lenient", "strict"])
def test_scores_are_those_of_seqeval(golden: Path, mode: str) -> None:
    cases = json.loads((golden / "seqeval.json").read_text(encoding="utf-8"))["cases"]
    for case in cases:
        scheme = case["scheme"] if mode == "strict" else None
        counts = count_entities(case["truth"], case["predicted"], scheme=scheme)
        found, expected = averages(counts.total()), case[mode]
        for name, suffix in (("micro", ""), ("macro", "_macro"), ("weighted", "_weighted")):
            wanted = [value or 0.0 for value in expected[name]]  # ours is 0 where there is nothing
            assert [found[score + suffix] for score in SCORES] == pytest.approx(wanted, abs=1e-12)
        rows = [[row[s] for s in (*SCORES, "support")] for row in per_type(counts).values()]
        assert np.array(rows) == pytest.approx(np.array(expected["per_type"]), abs=1e-12)


def test_a_resample_counts_sentences_as_often_as_it_names_them() -> None:
    truth = [["B-A", "O"], ["B-B", "I-B"], ["O", "B-A"]]
    said = [["B-A", "O"], ["B-B", "O"], ["B-A", "B-A"]]
    counts = count_entities(truth, said)
    assert counts.types == ("A", "B")
    assert counts.total(np.array([2, 2, 1])).tolist() == [[2, 4, 2], [0, 1, 1]]
    drawn = count_entities([truth[i] for i in (2, 2, 1)], [said[i] for i in (2, 2, 1)])
    assert counts.total(np.array([2, 2, 1])).tolist() == drawn.total().tolist()


def test_bare_tags_are_counted_word_by_word() -> None:
    counts = count_tags([["N", "V"], ["N"]], [["N", "N"], ["N"]])
    assert counts.types == ("N", "V")
    assert counts.total().tolist() == [[2, 3, 2], [0, 0, 1]]


def test_nothing_counted_scores_nothing() -> None:
    assert set(averages(np.zeros((0, 3), dtype=np.int64)).values()) == {0.0}
