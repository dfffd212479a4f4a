"""Columns are found by name, and missing ones reported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import read_rows
from distilbert.tasks.columns import (
    MISSING,
    as_flag,
    column_names,
    first_column,
    is_list,
    is_text,
    missing_columns,
    missing_rule,
    read_list,
    read_object,
    task_of_columns,
    text_column,
)
from distilbert.training.run_card import DataSection

ROWS = [Row({"Text": "a", "n": 1}, "file line 1"), Row({"label": "b"}, "file line 2")]


def test_columns_are_those_of_any_of_the_first_rows() -> None:
    assert column_names(ROWS) == ["Text", "n", "label"]
    assert column_names([]) == []


def test_the_first_candidate_is_found_whatever_its_case() -> None:
    assert first_column(("sentence", "text", "label"), column_names(ROWS)) == "Text"
    assert first_column(("answerKey",), ["ANSWERKEY"]) == "ANSWERKEY"
    assert first_column(("sentence",), column_names(ROWS)) is None


def test_the_column_of_texts_is_named_or_guessed_and_reported_if_missing() -> None:
    problems = Problems()
    assert text_column(ROWS, None, problems) == "Text"
    assert text_column(ROWS, "label", problems) == "label"
    assert text_column([], None, problems) == "text"
    assert len(problems) == 0
    assert text_column(ROWS, "txt", problems) is None
    assert problems.of_sources[0].startswith("`text` must name a column of the data")


def test_missing_columns_are_reported_with_the_nearest() -> None:
    problems = Problems()
    wanted = [("text", "Text"), ("label", "lable"), ("text_pair", None)]
    task = "text-classification"
    assert missing_columns(ROWS, wanted, problems, task=task) == {"label", "text_pair"}
    columns = "must name a column of the data, which has: Text, n, label."
    assert problems.of_sources == [
        f"`label` {columns} Got 'lable'. Nearest: label. In file line 1.",
        f"`text_pair` {columns} In file line 1.",
    ]
    assert missing_columns([], wanted, problems, task=task) == {"text", "label", "text_pair"}
    assert len(problems) == 2


def test_values_are_texts_or_lists() -> None:
    assert [is_text(value) for value in ("a", " ", "", None, 3)] == [True, *[False] * 4]
    assert all(is_list(value) for value in ([], (), np.zeros(2)))
    assert not any(is_list(value) for value in ("ab", None, {}))


def test_rows_that_were_taken_for_a_header_are_suspected() -> None:
    problems = Problems()
    row = Row({"gj04": "b", "Bill broke it.": "c"}, "x line 2")
    missing_columns([row], [("text", None)], problems, task="text-classification")
    assert "If these are the cells of a row, set `column_names`." in problems.of_sources[0]


@pytest.mark.parametrize(
    ("names", "task"),
    [
        (["tokens", "ner_tags", "id"], "token-classification"),
        (["Question", "context", "answers"], "question-answering"),
        (["ctx", "endings", "label"], "multiple-choice"),
        (["text", "label"], None),
        (["question", "label"], None),
    ],
)
def test_columns_tell_the_task(names: list[str], task: str | None) -> None:
    assert task_of_columns(names) == task


def test_flags_and_missing_values() -> None:
    cells = ["1", 0, "True", "false", 1.0, "yes", None, float("nan")]
    assert [as_flag(cell) for cell in cells] == [True, False, True, False, True, None, None, None]
    assert not is_text(" nan ", MISSING)
    assert is_text("nan")
    assert missing_rule("A text", ("nan", "")) == (
        "A text must not be a missing value (nan, unless `missing` names others)."
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('["a\\u00e9", 1, true]', ["aé", 1, True]),
        ("['it\\'s', \"x\"]", ["it's", "x"]),
        ("['a'\n 'b, c']", ["a", "b, c"]),
        ("[-1.5e3 2 .5]", [-1500.0, 2, 0.5]),
        ("['\\x']", ["\\x"]),
        ("[True, False]", [True, False]),
        ("[]", []),
        ("[spam]", None),
        ("[a, b]", None),
        ("[1, [2]]", None),
        ("[null]", None),
        ("['a''b']", None),
        ("['a'", None),
        ("a", None),
        (1, None),
    ],
)
def test_only_texts_of_lists_of_strings_and_numbers_are_lists(text: str, expected: object) -> None:
    assert read_list(text) == expected
    assert read_list(("a",)) == ("a",)


def test_objects_may_be_written_as_text_of_python_or_json() -> None:
    assert read_object('{"a": null}') == {"a": None}
    assert read_object("{'a': None}") == {"a": None}
    assert [read_object(value) for value in ("{a", "a", 3)] == ["{a", "a", 3]


@pytest.mark.parametrize("piece", ["1", "1.", "1e", "1 ", " ", "1 , ", "'a'"])
def test_a_long_cell_that_is_almost_a_list_is_read_in_linear_time(piece: str) -> None:
    assert read_list(f"[{piece * 200_000}x") is None  # hours, where a number is tried in two parts


def test_a_wrong_header_is_named_by_its_own_line(tmp_path: Path) -> None:
    """Line 2 of a CSV file is right where line 1 names no column of texts."""
    (tmp_path / "a.csv").write_text("\nbody,stars\nGood.,5\n")
    problems = Problems()
    found = list(read_rows([str(tmp_path / "a.csv")], data=DataSection(), problems=problems))
    assert missing_columns(found, [("text", None)], problems, task="masked-lm") == {"text"}
    assert problems.of_sources[0].endswith("a.csv line 2.")
    named = DataSection(column_names=("body", "stars"))
    problems = Problems()
    found = list(read_rows([str(tmp_path / "a.csv")], data=named, problems=problems))
    missing_columns(found, [("text", None)], problems, task="masked-lm")
    assert problems.of_sources[0].endswith("a.csv line 2.")  # of the first row
