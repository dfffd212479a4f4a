"""Rows of question-answering data: questions with the answers that their context contains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.columns import (
    MISSING,
    as_flag,
    column_names,
    first_column,
    is_list,
    is_text,
    missing_columns,
    read_object,
)

NO_TEXT = "A question and its context must be texts that are not empty."
SAME_ID = "Every question needs a different id."
NOT_ANSWERS = (
    "Answers must be {text: [...], answer_start: [...]} with texts that are not empty, and an "
    "offset in characters for each; or the columns answer_text and answer_start have one."
)
# Columns of the answer in a table with one answer per row, and the usual name of their first.
FLAT_TEXT, FLAT_START = ("answer_text", "answer"), ("answer_start", "start")
# Columns that rows may have besides.
FURTHER = ("id", "is_impossible")
UNANSWERED = "A question that is not impossible needs an answer."
NOT_FOUND = "The context must contain an answer at its answer_start."
PLACES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its context and the true answers, each a text and its first character.

    There are no answers if the context contains none.
    """

    id: str
    question: str
    context: str
    answers: tuple[tuple[str, int], ...]
    place: str


def read_questions(
    rows: Iterable[Row],
    problems: Problems,
    *,
    question: str,
    context: str,
    answers: str,
    missing: Sequence[str] = MISSING,
) -> list[Question]:
    """The valid questions of rows with these columns and, optionally, `id` and `is_impossible`.

    Without `id` a question is identified by its place; without `is_impossible` it is impossible if
    it has no answers. Without the column of answers, a row may have one in the columns
    `answer_text` and `answer_start`; both are empty if there is none.
    """
    rows = list(rows)
    flat = flat_columns(column_names(rows), answers)
    wanted = [("question", question), ("context", context)]
    wanted += [] if flat else [("answers", answers)]
    if missing_columns(rows, wanted, problems, task="question-answering"):
        return []
    questions: list[Question] = []
    ids: set[str] = set()
    for row in rows:
        asked, passage = row.values.get(question), row.values.get(context)
        if not is_text(asked, missing) or not is_text(passage, missing):
            problems.add(NO_TEXT, row.place, {question: asked, context: passage})
            continue
        name = row.values.get("id")
        if name is None or name == "":
            name = row.place
        if str(name) in ids:
            problems.add(SAME_ID, row.place, name)
            continue
        ids.add(str(name))
        given = _flat_answer(row, *flat, missing) if flat else read_object(row.values.get(answers))
        golds = _read_answers(row, given, passage, problems)
        if golds is not None:
            questions.append(Question(str(name), asked, passage, golds, row.place))
    return questions


def flat_columns(names: Sequence[str], answers: str) -> tuple[str, str] | None:
    """The columns of an answer's text and start, if there is none of answers."""
    text, start = first_column(FLAT_TEXT, names), first_column(FLAT_START, names)
    return None if answers in names or text is None or start is None else (text, start)


def _flat_answer(row: Row, text: str, start: str, missing: Sequence[str]) -> Any:
    """The answer in two columns as SQuAD has it; the two values as they are if one is wrong."""
    given, place = row.values.get(text), row.values.get(start)
    first = _read_integer(place)
    if is_text(given, missing) and first is not None:
        return {"text": [given], "answer_start": [first]}
    is_none = first < 0 if first is not None else not is_text(place, missing)
    return [] if is_none and not is_text(given, missing) else {text: given, start: place}


def _read_integer(value: Any) -> int | None:
    """An integer from a cell, also if pandas wrote it as 12.0; None for anything else."""
    if isinstance(value, str):
        value = value.strip().removesuffix(".0")
        return int(value) if value.removeprefix("-").isdecimal() else None
    if isinstance(value, (float, np.floating)) and value == value and value % 1 == 0:
        return int(value)
    return int(value) if _is_integer(value) else None


def _read_answers(
    row: Row, given: Any, context: str, problems: Problems
) -> tuple[tuple[str, int], ...] | None:
    """The answers; None if something is wrong with them."""
    impossible = as_flag(row.values.get("is_impossible"))
    if impossible:
        return ()
    pairs = [] if given is None else _pairs(given)
    if pairs is None:
        problems.add(NOT_ANSWERS, row.place, given)
        return None
    if not pairs and impossible is not None:
        problems.add(UNANSWERED, row.place, row.values.get("id"))
        return None
    missed = [pair for pair in pairs if not context.startswith(pair[0], pair[1]) or pair[1] < 0]
    for text, start in missed:
        problems.add(NOT_FOUND, row.place, _describe_places(text, start, context))
    return None if missed else tuple(pairs)


def _pairs(given: Any) -> list[tuple[str, int]] | None:
    """Texts and offsets, from a dict of two lists or a list of dicts; None for anything else."""
    pairs: list[tuple[Any, Any]]
    if isinstance(given, Mapping):
        texts, starts = given.get("text"), given.get("answer_start")
        if isinstance(texts, str) and not is_list(starts):
            texts, starts = [texts], [starts]
        if not is_list(texts) or not is_list(starts) or len(texts) != len(starts):
            return None
        pairs = list(zip(texts, starts, strict=True))
    elif is_list(given) and all(isinstance(answer, Mapping) for answer in given):
        pairs = [(answer.get("text"), answer.get("answer_start")) for answer in given]
    else:
        return None
    valid = all(is_text(text) and _is_integer(start) for text, start in pairs)
    return [(text, int(start)) for text, start in pairs] if valid else None


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _describe_places(text: str, start: int, context: str) -> str:
    """The place that a row names, and where the context contains the text instead."""
    places, at = [], context.find(text)
    while at >= 0 and len(places) <= PLACES_SHOWN:
        places.append(at)
        at = context.find(text, at + 1)
    listed = ", ".join(map(str, places[:PLACES_SHOWN]))
    more = " and elsewhere" if len(places) > PLACES_SHOWN else ""
    return f"{text!r} at {start}; it is " + (f"at {listed}{more}" if places else "nowhere")
