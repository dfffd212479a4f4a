"""Columns named or guessed, and rows of another task."""

from __future__ import annotations

import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.errors import DataError
from distilbert.tasks.sequence_classification.rows import Columns


def rows(*names: str) -> list[Row]:
    return [Row(dict.fromkeys(names, "x"), "file line 2")]


def test_usual_names_are_guessed_whatever_their_case() -> None:
    found = Columns().found_in(rows("id", "Sentence", "Label"))
    assert (found.text, found.text_pair, found.label) == ("Sentence", None, ("Label",))


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
    assert problems.of_sources == [
        "`text` must name a column of the data, which has: sentence, label. Got 'sentense'. "
        "Nearest: sentence. In file line 2."
    ]


def test_rows_of_another_task_are_recognized() -> None:
    problems = Problems()
    Columns().found_in(rows("tokens", "tags"), problems)
    assert problems.of_sources[0] == (
        "`text` must name a column of the data, which has: tokens, tags. These are columns of "
        "token-classification: set `task` to it. In file line 2."
    )
    with pytest.raises(DataError) as caught:
        problems.raise_or_skip(skip_bad_rows=True)
    assert "skip" not in str(caught.value)
