"""Answers are taken only where they stand, and what is wrong with a row is told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.squad import read_squad
from distilbert.tasks.question_answering.rows import (
    NO_TEXT,
    NOT_ANSWERS,
    NOT_FOUND,
    SAME_ID,
    UNANSWERED,
    Question,
    read_questions,
)

GOOD = {
    "id": "q",
    "question": "Where?",
    "context": "In Rome, not in Rome.",
    "answers": {"text": ["Rome"], "answer_start": [3]},
}


def read(*changes: dict[str, Any]) -> tuple[list[Question], Problems]:
    problems = Problems()
    rows = [Row({**GOOD, **change}, f"row {i}") for i, change in enumerate(changes)]
    columns = {"question": "question", "context": "context", "answers": "answers"}
    return read_questions(rows, problems, **columns), problems


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["Rome"], "answer_start": [3]},
        {"text": np.array(["Rome"], dtype=object), "answer_start": np.array([3])},
        [{"text": "Rome", "answer_start": 3}],
    ],
)
def test_answers_may_be_lists_or_pairs(answers: Any) -> None:
    (question,), problems = read({"answers": answers, "id": 7})
    assert not len(problems)
    assert (question.id, question.answers) == ("7", (("Rome", 3),))


@pytest.mark.parametrize(
    "change",
    [
        {"answers": {"text": [], "answer_start": []}},
        {"answers": None},
        {"is_impossible": True},  # whatever the answers, as with SQuAD's plausible ones
    ],
)
def test_some_questions_have_no_answer(change: dict[str, Any]) -> None:
    (question,), problems = read(change)
    assert not len(problems)
    assert question.answers == ()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"question": " "}, NO_TEXT),
        ({"context": ""}, NO_TEXT),
        ({"context": None}, NO_TEXT),
        ({"answers": {"text": ["Rome"]}}, NOT_ANSWERS),
        ({"answers": {"text": ["Rome"], "answer_start": []}}, NOT_ANSWERS),
        ({"answers": {"text": [""], "answer_start": [0]}}, NOT_ANSWERS),
        ({"answers": {"text": ["Rome"], "answer_start": ["3"]}}, NOT_ANSWERS),
        ({"answers": "Rome"}, NOT_ANSWERS),
        ({"answers": [], "is_impossible": False}, UNANSWERED),
    ],
)
def test_broken_rows_are_told_by_rule(change: dict[str, Any], rule: str) -> None:
    questions, problems = read(change)
    assert questions == []
    assert list(problems.found) == [rule]


@pytest.mark.parametrize(
    ("text", "start", "got"),
    [
        ("Rome", 4, "'Rome' at 4; it is at 3, 16"),
        ("not", 0, "'not' at 0; it is at 9"),
        ("Paris", 3, "'Paris' at 3; it is nowhere"),
        (".", -1, "'.' at -1; it is at 20"),
        ("o", 0, "'o' at 0; it is at 4, 10, 17"),
    ],
)
def test_an_answer_elsewhere_is_told_with_its_places_and_not_mended(
    text: str, start: int, got: str
) -> None:
    questions, problems = read({"answers": {"text": [text], "answer_start": [start]}})
    assert questions == []
    assert problems.found == {NOT_FOUND: [("row 0", repr(got))]}


@pytest.mark.parametrize("change", [{"id": None}, {"id": ""}])
def test_a_question_without_an_id_is_called_by_its_place(change: dict[str, Any]) -> None:
    questions, problems = read(change, change)
    assert not len(problems)
    assert [one.id for one in questions] == [one.place for one in questions]
    assert len({one.id for one in questions}) == 2


@pytest.mark.parametrize("column", ["question", "context", "answers"])
def test_a_column_that_is_not_there_is_told_once(column: str) -> None:
    values = {"question": "Who?", "context": "It is Rome", "answers": [], "id": 1}
    rows = [Row(values | {"id": i}, f"file line {i}") for i in range(3)]
    columns = {"question": "question", "context": "context", "answers": "answers"}
    problems = Problems()
    assert read_questions(rows, problems, **columns | {column: "wrong"}) == []
    (rule,) = problems.of_sources
    assert rule.startswith(f"`{column}` must name a column of the data, which has: question, ")
    assert rule.endswith("In file line 0.")


def flat(*changes: dict[str, Any], **options: Any) -> tuple[list[Question], Problems]:
    values = {"question": "Where?", "context": "In Rome, not in Rome."}
    values |= {"answer_text": "Rome", "answer_start": "3"}
    problems = Problems()
    rows = [Row({**values, **change}, f"row {i}") for i, change in enumerate(changes)]
    columns = {"question": "question", "context": "context", "answers": "answers"}
    return read_questions(rows, problems, **columns, **options), problems


def test_a_table_may_have_one_answer_per_row_in_two_columns() -> None:
    none = [{"answer_text": "", "answer_start": start} for start in ("", "-1", None)]
    questions, problems = flat({}, {"answer_start": 16.0}, {"answer_start": "3.0"}, *none)
    assert not len(problems), problems.report()
    assert [one.answers for one in questions] == [
        *((("Rome", start),) for start in (3, 16, 3)),
        *[()] * 3,
    ]


def test_half_an_answer_and_missing_texts_are_reported() -> None:
    questions, problems = flat(
        {"answer_text": ""}, {"answer_start": ""}, {"answer_text": "NA"}, {"question": "nan"}
    )
    assert questions == []
    assert [place for place, _ in problems.found[NOT_ANSWERS]] == ["row 0", "row 1", "row 2"]
    assert [place for place, _ in problems.found[NO_TEXT]] == ["row 3"]
    na = {"context": "It is NA.", "answer_text": "NA", "answer_start": 6}
    (question,), _ = flat(na, missing=())
    assert question.answers == (("NA", 6),)


@pytest.mark.parametrize(
    "answers",
    [
        "{'text': ['Rome'], 'answer_start': [3]}",
        '[{"text": "Rome", "answer_start": 3}]',
        {"text": "Rome", "answer_start": 3},
    ],
)
def test_answers_may_be_written_as_text_or_be_one(answers: Any) -> None:
    (question,), _ = read({"answers": answers})
    assert question.answers == (("Rome", 3),)


@pytest.mark.parametrize(("cell", "n_answers"), [("False", 1), ("0", 1), ("True", 0), ("", 1)])
def test_a_table_may_say_that_a_question_is_impossible(cell: str, n_answers: int) -> None:
    (question,), _ = read({"is_impossible": cell})
    assert len(question.answers) == n_answers


def test_an_id_names_one_question() -> None:
    questions, problems = read({}, {"question": "Who?"})
    assert len(questions) == 1
    assert problems.found == {SAME_ID: [("row 1", "'q'")]}


@pytest.mark.parametrize(
    ("file", "answerable", "count"),
    [("squad2/half_dev", 2910, 6078), ("xquad/xquad.zh", 803, 803), ("xquad/xquad.ar", 803, 803)],
)
def test_real_questions_have_no_flaws(shared: Path, file: str, answerable: int, count: int) -> None:
    problems = Problems()
    with gzip.open(shared / "data" / f"{file}.json.gz", "rt", encoding="utf-8") as stream:
        rows = list(read_squad(json.load(stream), file, problems))
    columns = {"question": "question", "context": "context", "answers": "answers"}
    questions = read_questions(rows, problems, **columns)
    assert (len(problems), len(questions)) == (0, count)
    assert sum(bool(question.answers) for question in questions) == answerable
