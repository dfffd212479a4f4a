"""Columns named or guessed, and rows of another task."""

from __future__ import annotations

from itertools import product

import pytest

from distilbert.data.glue import GLUE, GlueTask
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
        "Rows of text-classification must have columns for `text` and `label`: got tokens, tags. "
        "These are columns of token-classification: set `task` to it. In file line 2."
    )
    assert len(problems) == 1
    with pytest.raises(DataError) as caught:
        problems.raise_or_skip(skip_bad_rows=True)
    assert "skip" not in str(caught.value)


@pytest.mark.parametrize("task", GLUE.values(), ids=str)
def test_the_columns_of_glue_are_found_without_being_named(task: GlueTask) -> None:
    for text, pair, label in product(task.text, task.text_pair or (None,), task.label):
        if (text[0] == "#") != (label == "Quality") or (pair or text)[0] != text[0]:
            continue  # names of two releases
        names = [name for name in ("index", label, pair, text) if name is not None]
        found = Columns().found_in(rows(*names), problems := Problems())
        assert not len(problems)
        assert (found.text, found.text_pair, found.label) == (text, pair, (label,))


def test_a_question_without_a_sentence_is_a_text_and_a_chosen_text_has_no_pair() -> None:
    assert Columns().found_in(rows("question", "label")).text == "question"
    assert Columns().found_in(rows("text", "question", "sentence", "label")).text == "text"
    alone = Columns(text="sentence").found_in(rows("question", "sentence", "label"))
    assert (alone.text, alone.text_pair) == ("sentence", None)
