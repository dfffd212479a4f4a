"""Every question of a SQuAD document becomes a row, or a problem with its path."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.squad import NO_CONTEXT, NOT_A_QUESTION, NOT_SQUAD, read_squad


def document(*questions: Any) -> dict[str, Any]:
    return {"data": [{"title": "t", "paragraphs": [{"context": "A b.", "qas": list(questions)}]}]}


def read(value: Any) -> tuple[list[Row], Problems]:
    problems = Problems()
    return list(read_squad(value, "x.json", problems)), problems


def test_a_question_becomes_a_row() -> None:
    answers = [{"text": "A", "answer_start": 0}, {"text": "b", "answer_start": 2}]
    (row,), problems = read(document({"id": "q", "question": "What?", "answers": answers}))
    assert not len(problems)
    assert row.place == "x.json data[0].paragraphs[0].qas[0]"
    assert row.values == {
        "id": "q",
        "question": "What?",
        "context": "A b.",
        "answers": {"text": ["A", "b"], "answer_start": [0, 2]},
        "is_impossible": False,
    }


def test_impossible_is_what_the_file_says_or_else_what_has_no_answers() -> None:
    asked = {"id": "q", "question": "What?"}
    found, _ = read(document({**asked, "answers": []}, {**asked, "is_impossible": False}))
    assert [row.values["is_impossible"] for row in found] == [True, False]


@pytest.mark.parametrize("value", [{"rows": []}, {"data": 3}, "text", {"data": [{"title": ""}]}])
def test_another_document_is_a_problem(value: Any) -> None:
    rows, problems = read(value)
    assert rows == []
    assert list(problems.found) == [NOT_SQUAD]


def test_broken_questions_are_named_and_the_others_read() -> None:
    good = {"id": "q", "question": "What?", "answers": []}
    broken = [{"question": "What?"}, {**good, "answers": ["A"]}, {**good, "answers": "A"}, None]
    rows, problems = read(document(*broken, good))
    assert len(rows) == 1
    assert [place for place, _ in problems.found[NOT_A_QUESTION]] == [
        f"x.json data[0].paragraphs[0].qas[{i}]" for i in range(4)
    ]


def test_a_paragraph_needs_its_context() -> None:
    rows, problems = read({"data": [{"paragraphs": [{"qas": []}]}]})
    assert rows == []
    assert problems.found == {
        NO_CONTEXT: [("x.json data[0].paragraphs[0]", repr("an object with qas"))]
    }


@pytest.mark.parametrize(
    ("file", "count"), [("squad2/half_dev", 6078), ("xquad/xquad.en.dev", 451)]
)
def test_real_files_have_the_published_sizes(shared: Path, file: str, count: int) -> None:
    with gzip.open(shared / "data" / f"{file}.json.gz", "rt", encoding="utf-8") as stream:
        rows, problems = read(json.load(stream))
    assert (len(rows), len(problems)) == (count, 0)
