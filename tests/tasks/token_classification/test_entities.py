"""Entities are those that seqeval finds, also in broken tags."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from distilbert.errors import InputError
from distilbert.tasks.token_classification.entities import (
    detect_scheme,
    is_bare,
    lenient_entities,
    strict_entities,
)


@pytest.fixture(scope="module")
def cases(golden: Path) -> list[dict[str, Any]]:
    return json.loads((golden / "seqeval.json").read_text(encoding="utf-8"))["cases"]


def test_lenient_entities_are_those_of_seqeval(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        tags = case["truth"] + case["predicted"]
        found = [sorted(map(list, lenient_entities(row))) for row in tags]
        assert found == case["lenient"]["entities"]


def test_strict_entities_are_those_of_seqeval(cases: list[dict[str, Any]]) -> None:
    assert {case["scheme"] for case in cases} == {"IOB1", "IOB2", "IOE1", "IOE2", "IOBES", "BILOU"}
    for case in cases:
        tags = case["truth"] + case["predicted"]
        found = [sorted(map(list, strict_entities(row, case["scheme"]))) for row in tags]
        assert found == case["strict"]["entities"]


def test_no_tags_hold_no_entities() -> None:
    assert lenient_entities([]) == strict_entities([], "IOB2") == []


def test_a_foreign_letter_breaks_a_scheme() -> None:
    message = r"Tags of the scheme IOB2 must begin with one of I, O, B: got 'S-PER'\."
    with pytest.raises(InputError, match=message):
        strict_entities(["S-PER"], "IOB2")


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        (["B-A I-A O B-A"], "IOB2"),
        (["I-A I-A O I-A B-A"], "IOB1"),
        (["B-A I-A O", "I-A O B-B"], "IOB2"),  # one mistake
        (["I-A E-A O E-A"], "IOE2"),
        (["I-A I-A O I-B", "I-A E-A I-A O"], "IOE1"),
        (["B-A E-A O S-A"], "IOBES"),
        (["B-A I-A L-A O U-A"], "BILOU"),
        (["B-A M-A E-A O"], None),
        (["DET NOUN ."], None),
    ],
)
def test_schemes_are_told_apart(sentences: Sequence[str], scheme: str | None) -> None:
    assert detect_scheme([row.split() for row in sentences]) == scheme


@pytest.mark.parametrize(
    ("labels", "bare"),
    [
        ({"DET", "NOUN", "-LRB-", "."}, True),
        ({"O", "B-PER", "I-PER"}, False),
        ({"O", "S-PER"}, False),
        ({"S-BAR", "NP", "O"}, True),
        ({"O", "PER"}, True),
    ],
)
def test_bare_tags_have_no_prefixes(labels: set[str], *, bare: bool) -> None:
    assert is_bare(labels) == bare
