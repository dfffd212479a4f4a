"""Columns named or guessed, and what counts as a label."""

from __future__ import annotations

from typing import Any

import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.sequence_classification.rows import Columns, read_label


def rows(*names: str) -> list[Row]:
    return [Row(dict.fromkeys(names, "x"), "file line 2")]


def test_usual_names_are_guessed_whatever_their_case() -> None:
    found = Columns().found_in(rows("id", "Sentence", "Label"))
    assert (found.text, found.text_pair, found.label) == ("Sentence", None, "Label")


def test_a_pair_is_guessed_only_where_the_text_is() -> None:
    table = rows("sentence1", "sentence2", "label")
    assert Columns().found_in(table).text_pair == "sentence2"
    assert Columns(text="sentence1").found_in(table).text_pair is None


def test_a_second_look_does_not_find_a_pair_the_first_did_not() -> None:
    first = Columns().found_in(rows("text", "label"))
    assert first.found_in(rows("text", "text_pair", "label")).text_pair is None


def test_a_missing_column_is_told_with_those_there_and_the_nearest() -> None:
    problems = Problems()
    found = Columns(text="sentense").found_in(rows("sentence", "label"), problems)
    assert found.text is None
    (rule,) = problems.found
    assert rule == (
        "`text` must name a column of the data, which has: sentence, label. Nearest: sentence."
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("good", "good"),
        (3, "3"),
        (3.0, "3"),
        (2.5, "2.5"),
        (True, "1"),
        (None, None),
        ("", None),
        (float("nan"), None),
        (["a", "b", "a"], ("a", "b")),
        ([], ()),
        (["a", None], None),
    ],
)
def test_labels_are_names(value: Any, expected: Any) -> None:
    assert read_label(Row({"label": value}, ""), Columns(label="label")) == expected


def test_a_separator_makes_several_of_one_cell() -> None:
    columns = Columns(label="label", separator=",")
    assert read_label(Row({"label": "a, b"}, ""), columns) == ("a", "b")
    assert read_label(Row({"label": "a"}, ""), columns) == ("a",)
    assert read_label(Row({"label": ""}, ""), columns) == ()
