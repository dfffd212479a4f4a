"""Rows of multiple-choice data, however their columns are called, as prompts with choices.

Knows SWAG, HellaSwag, CODAH, ARC and CommonsenseQA by their columns; any other table by its own
columns' names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.columns import missing_column

PROMPTS = ("prompt", "ctx", "sent1", "question", "question_propmt", "context", "sentence", "text")
LISTS = ("choices", "endings", "candidate_answers", "options", "answers")
LABELS = ("label", "answerKey", "correct_answer_idx", "answer", "key", "target", "gold")
# Of columns with one choice each: ending0, choice_1, option2, answer3, or a letter.
NUMBERED = re.compile(r"(ending|choice|option|answer)[ _]?(\d+|[a-h])", re.IGNORECASE)
LETTER = re.compile(r"[A-H]")
NUMBER = re.compile(r"\d{1,6}(\.0+)?")
# SWAG's second sentence begins in its own column and is ended by each choice.
SWAG_PROMPT, SWAG_BEGINNING = "sent1", "sent2"

NO_PROMPT = "A prompt must be text that is not empty."
NO_CHOICES = "A row must offer at least two choices, each a text that is not empty."
NO_LABEL = "A label must say exactly one of the choices: by number, letter, or its whole text."


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, what may follow it, and the number of what does, from 0."""

    prompt: str
    choices: tuple[str, ...]
    truth: int
    place: str


@dataclass(frozen=True, slots=True)
class ChoiceColumns:
    """Names of columns; None and () to be guessed. `choices` is one column of lists, or several.

    `beginning` is a column that comes before each choice. `first` is the number that means the
    first choice, 0 or 1; None to be learned from the labels.
    """

    prompt: str | None = None
    choices: tuple[str, ...] = ()
    label: str | None = None
    beginning: str | None = None
    first: int | None = None

    def found_in(
        self, rows: Sequence[Row], problems: Problems | None = None
    ) -> ChoiceColumns | None:
        """The columns as these rows have them; None where one is missing, told to `problems`."""
        there = list(dict.fromkeys(name for row in rows[:100] for name in row.values))
        choices = self.choices or _choice_columns(there)
        prompt = self.prompt or _first(PROMPTS, [name for name in there if name not in choices])
        label = self.label or _first(LABELS, [n for n in there if n not in (*choices, prompt)])
        missing = False
        wanted = [("prompt", prompt), ("label", label)]
        wanted += [("choices", name) for name in choices or (None,)]
        for option, name in wanted:
            if name not in there:
                missing = True
                if problems is not None and rows:
                    problems.add(missing_column(option, name, there), rows[0].place, name)
        if missing:
            return None
        swag = prompt == SWAG_PROMPT and SWAG_BEGINNING in there and len(choices) > 1
        found = replace(
            self,
            prompt=prompt,
            choices=tuple(choices),
            label=label,
            beginning=self.beginning or (SWAG_BEGINNING if swag else None),
        )
        return replace(found, first=found.first_number(rows)) if self.first is None else found

    def first_number(self, rows: Iterable[Row]) -> int:
        """1 where numbers of choices reach their count and never 0, else 0."""
        reaches = False
        for row in rows:
            offered, _ = self.offered(row)
            number = _as_number(row.values.get(self.label or ""))
            if number == 0:
                return 0
            reaches = reaches or (bool(offered) and number == len(offered))
        return int(reaches)

    def offered(self, row: Row) -> tuple[list[Any], list[str]]:
        """The choices of a row and their own labels, if they have some.

        Empty cells at the end of several columns are choices that the row does not offer.
        """
        labels: list[str] = []
        if len(self.choices) == 1:
            value = row.values.get(self.choices[0])
            if isinstance(value, Mapping):
                labels = [str(label) for label in _as_list(value.get("label"))]
                value = value.get("text")
            offered = _as_list(value)
            if offered and all(isinstance(one, Mapping) for one in offered):
                labels = [str(one.get("label")) for one in offered]
                offered = [one.get("text") for one in offered]
        else:
            offered = [row.values.get(name) for name in self.choices]
            while offered and offered[-1] in (None, ""):
                offered.pop()
        beginning = row.values.get(self.beginning or "")
        if isinstance(beginning, str) and beginning:
            offered = [f"{beginning} {one}" if isinstance(one, str) else one for one in offered]
        return offered, labels


def read_choices(rows: Iterable[Row], problems: Problems, columns: ChoiceColumns) -> list[Question]:
    """The questions of good rows; what is wrong with the others goes to `problems`."""
    rows = list(rows)
    found = columns.found_in(rows, problems)
    if found is None:
        return []
    by_number = _are_numbers(rows, found)
    questions = []
    for row in rows:
        prompt, label = row.values.get(found.prompt or ""), row.values.get(found.label or "")
        offered, labels = found.offered(row)
        if not isinstance(prompt, str) or not prompt.strip():
            problems.add(NO_PROMPT, row.place, prompt)
            continue
        if len(offered) < 2 or not all(isinstance(one, str) and one.strip() for one in offered):
            problems.add(NO_CHOICES, row.place, offered)
            continue
        if labels:
            meant = {i for i, own in enumerate(labels) if own == str(label).strip()}
        elif by_number:
            meant = _by_number(label, found)
        else:
            meant = _by_number(label, found) | _by_letter(label) | _by_text(label, row, found)
        meant &= set(range(len(offered)))
        if len(meant) == 1:
            questions.append(Question(prompt, tuple(offered), meant.pop(), row.place))
        else:
            problems.add(NO_LABEL, row.place, label)
    return questions


def _are_numbers(rows: Iterable[Row], columns: ChoiceColumns) -> bool:
    """Whether every label is the number of a choice, so that none is the text of one."""
    for row in rows:
        offered, _ = columns.offered(row)
        label = row.values.get(columns.label or "")
        if label is not None and not _by_number(label, columns) & set(range(len(offered))):
            return False
    return True


def _by_number(label: Any, columns: ChoiceColumns) -> set[int]:
    number = _as_number(label)
    return set() if number is None else {number - (columns.first or 0)}


def _by_letter(label: Any) -> set[int]:
    text = label.strip() if isinstance(label, str) else ""
    return {ord(text) - ord("A")} if LETTER.fullmatch(text) else set()


def _by_text(label: Any, row: Row, columns: ChoiceColumns) -> set[int]:
    if not isinstance(label, str):
        return set()
    beginning = row.values.get(columns.beginning or "")
    whole = f"{beginning} {label}" if isinstance(beginning, str) and beginning else label
    offered, _ = columns.offered(row)
    return {i for i, one in enumerate(offered) if one.strip() == whole.strip()}


def _as_number(label: Any) -> int | None:
    if isinstance(label, (bool, np.bool_)):
        return None
    if isinstance(label, (int, np.integer)):
        return int(label)
    if isinstance(label, (float, np.floating)):
        return int(label) if np.isfinite(label) and label % 1 == 0 else None
    if isinstance(label, str) and NUMBER.fullmatch(label.strip()):
        return int(float(label))
    return None


def _choice_columns(there: Sequence[str]) -> tuple[str, ...]:
    """One column of lists, or all numbered ones of the same name, or letters from A."""
    whole = _first(LISTS, there)
    if whole is not None:
        return (whole,)
    by_name: dict[str, list[str]] = {}
    for name in there:
        if match := NUMBERED.fullmatch(name):
            by_name.setdefault(match[1].casefold(), []).append(name)
    numbered = max(by_name.values(), key=len, default=[])
    letters = [name for name in there if LETTER.fullmatch(name)]
    found = numbered if len(numbered) > 1 else letters
    return tuple(found) if len(found) > 1 else ()


def _first(names: Sequence[str], there: Sequence[str]) -> str | None:
    return next((name for name in names if name in there), None)


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple, np.ndarray)) else []
