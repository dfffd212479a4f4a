"""Columns are found by name, and missing ones reported."""

from __future__ import annotations

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.columns import (
    column_names,
    first_column,
    is_list,
    is_text,
    missing_columns,
)

ROWS = [Row({"Text": "a", "n": 1}, "file line 1"), Row({"label": "b"}, "file line 2")]


def test_columns_are_those_of_any_of_the_first_rows() -> None:
    assert column_names(ROWS) == ["Text", "n", "label"]
    assert column_names([]) == []


def test_the_first_candidate_is_found_whatever_its_case() -> None:
    assert first_column(("sentence", "text", "label"), column_names(ROWS)) == "Text"
    assert first_column(("answerKey",), ["ANSWERKEY"]) == "ANSWERKEY"
    assert first_column(("sentence",), column_names(ROWS)) is None


def test_missing_columns_are_reported_with_the_nearest() -> None:
    problems = Problems()
    wanted = [("text", "Text"), ("label", "lable"), ("text_pair", None)]
    assert missing_columns(ROWS, wanted, problems) == {"label", "text_pair"}
    assert list(problems.found) == [
        "`label` must name a column of the data, which has: Text, n, label. Nearest: label.",
        "`text_pair` must name a column of the data, which has: Text, n, label.",
    ]
    assert missing_columns([], wanted, problems) == {"text", "label", "text_pair"}
    assert len(problems) == 2


def test_values_are_texts_or_lists() -> None:
    assert [is_text(value) for value in ("a", " ", "", None, 3)] == [True, *[False] * 4]
    assert all(is_list(value) for value in ([], (), np.zeros(2)))
    assert not any(is_list(value) for value in ("ab", None, {}))
