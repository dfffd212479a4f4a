"""Rows of multiple-choice data, whatever their columns are called, as prompts with choices.

Recognizes SWAG, HellaSwag, CODAH, ARC and CommonsenseQA by their columns; any other table by the
names of its columns.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.columns import (
    MISSING,
    column_names,
    first_column,
    is_text,
    missing_columns,
    missing_rule,
    read_list,
    read_object,
)

PROMPTS = ("prompt", "ctx", "sent1", "question", "question_propmt", "context", "sentence", "text")
LISTS = ("choices", "endings", "candidate_answers", "options", "answers")
LABELS = ("label", "answerKey", "correct_answer_idx", "answer", "key", "target", "gold")
# Columns with one choice each: ending0, choice_1, option2, answer3, or a letter.
NUMBERED = re.compile(r"(ending|choice|option|answer)[ _]?(\d+|[a-h])", re.IGNORECASE)
LETTER = re.compile(r"[A-H]")
NUMBER = re.compile(r"\d{1,6}(\.0+)?")
# SWAG has the beginning of the second sentence in a column; each choice is an end of it.
SWAG_PROMPT, SWAG_BEGINNING = "sent1", "sent2"

NO_PROMPT = "A prompt must be text that is not empty."
NO_CHOICES = "A row must have at least two choices, each a text that is not empty."
NO_LABEL = "A label must identify exactly one choice: by its number, letter, or full text."


@dataclass(frozen=True, slots=True)
class Question:
    """A prompt, what may follow it, and the number of what does, from 0."""

    prompt: str
    choices: tuple[str, ...]
    truth: int
    place: str


@dataclass(frozen=True, slots=True)
class ChoiceColumns:
    """Names of columns; None and () to guess them. `choices` is one column of lists, or several.

    `beginning` is a column that comes before each choice. `first` is the number of the first
    choice, 0 or 1; None to learn it from the labels. `missing` are texts that stand for a missing
    value.
    """

    prompt: str | None = None
    choices: tuple[str, ...] = ()
    label: str | None = None
    beginning: str | None = None
    first: int | None = None
    missing: tuple[str, ...] = MISSING

    def found_in(
        self, rows: Sequence[Row], problems: Problems | None = None
    ) -> ChoiceColumns | None:
        """The columns that these rows have; None if one is missing, which is added to
        `problems`."""
        found = self.named_in(column_names(rows))
        wanted = [("prompt", found.prompt), ("label", found.label)]
        wanted += [("choices", name) for name in found.choices or (None,)]
        if missing_columns(rows, wanted, problems, task="multiple-choice"):
            return None
        return replace(found, first=found.first_number(rows)) if self.first is None else found

    def named_in(self, names: Sequence[str]) -> ChoiceColumns:
        """The columns among all `names` of a table; None and () for those that it does not have."""
        choices = self.choices or _choice_columns(names)
        others = [name for name in names if name not in choices]
        prompt = self.prompt or first_column(PROMPTS, others)
        label = self.label or first_column(LABELS, [name for name in others if name != prompt])
        is_swag = prompt == SWAG_PROMPT and SWAG_BEGINNING in names and len(choices) > 1
        beginning = self.beginning or (SWAG_BEGINNING if is_swag else None)
        return replace(
            self, prompt=prompt, choices=tuple(choices), label=label, beginning=beginning
        )

    def first_number(self, rows: Iterable[Row]) -> int:
        """1 if numbers of choices reach their count and are never 0, else 0."""
        reaches = False
        for row in rows:
            choices, _ = self.choices_of(row.values)
            number = _as_number(row.value(self.label))
            if number == 0:
                return 0
            reaches = reaches or (bool(choices) and number == len(choices))
        return int(reaches)

    def choices_of(self, row: Mapping[str, Any]) -> tuple[list[Any], list[str]]:
        """The choices among the values of a row, and their labels if they have some.

        Missing values at the end of several columns are choices that the row does not have.
        """
        labels: list[str] = []
        if len(self.choices) == 1:
            value = row.get(self.choices[0])
            if isinstance(value, str) and value.lstrip().startswith("{"):
                value = read_object(value)
            if isinstance(value, Mapping):
                labels = [str(label) for label in _as_list(value.get("label"))]
                value = value.get("text")
            choices = _as_list(value)
            if choices and all(isinstance(choice, Mapping) for choice in choices):
                labels = [str(choice.get("label")) for choice in choices]
                choices = [choice.get("text") for choice in choices]
        else:
            choices = [row.get(name) for name in self.choices]
            while choices and choices[-1] in (None, "", *self.missing):
                choices.pop()
        begin = self.beginning_of(row)
        has_text = [is_text(choice, self.missing) for choice in choices]
        begun = [f"{begin}{c}" if has else c for c, has in zip(choices, has_text, strict=True)]
        return begun, labels

    def beginning_of(self, row: Mapping[str, Any]) -> str:
        """What comes before each choice of a row."""
        beginning = None if self.beginning is None else row.get(self.beginning)
        return f"{beginning} " if isinstance(beginning, str) and beginning else ""


def read_choices(rows: Iterable[Row], problems: Problems, columns: ChoiceColumns) -> list[Question]:
    """The questions of valid rows; what is wrong with the others is added to `problems`."""
    rows = list(rows)
    found = columns.found_in(rows, problems)
    if found is None:
        return []
    by_number = _are_numbers(rows, found)
    questions = []
    for row in rows:
        prompt, label = row.value(found.prompt), row.value(found.label)
        label = None if isinstance(label, str) and label.strip() in found.missing else label
        choices, labels = found.choices_of(row.values)
        if not is_text(prompt, found.missing):
            problems.add(_rule(NO_PROMPT, "A prompt", [prompt], found.missing), row.place, prompt)
            continue
        if len(choices) < 2 or not all(is_text(choice, found.missing) for choice in choices):
            problems.add(_rule(NO_CHOICES, "A choice", choices, found.missing), row.place, choices)
            continue
        if labels:
            meant = {i for i, of_choice in enumerate(labels) if of_choice == str(label).strip()}
        elif by_number:
            meant = _by_number(label, found)
        else:
            text = (
                f"{found.beginning_of(row.values)}{label}".strip()
                if isinstance(label, str)
                else None
            )
            by_text = {i for i, choice in enumerate(choices) if choice.strip() == text}
            meant = _by_number(label, found) | _by_letter(label) | by_text
        meant &= set(range(len(choices)))
        if len(meant) == 1:
            questions.append(Question(prompt, tuple(choices), meant.pop(), row.place))
        else:
            problems.add(NO_LABEL, row.place, label)
    return questions


def _rule(rule: str, what: str, values: Sequence[Any], missing: Sequence[str]) -> str:
    """The rule that is broken by texts of a row: another one if some mean a missing value."""
    is_missing = any(is_text(value) and not is_text(value, missing) for value in values)
    return missing_rule(what, missing) if is_missing else rule


def _are_numbers(rows: Iterable[Row], columns: ChoiceColumns) -> bool:
    """Whether every label is the number of a choice, so that none is the text of one."""
    for row in rows:
        choices, _ = columns.choices_of(row.values)
        label = row.value(columns.label)
        if label is not None and not _by_number(label, columns) & set(range(len(choices))):
            return False
    return True


def _by_number(label: Any, columns: ChoiceColumns) -> set[int]:
    number = _as_number(label)
    return set() if number is None else {number - (columns.first or 0)}


def _by_letter(label: Any) -> set[int]:
    text = label.strip() if isinstance(label, str) else ""
    return {ord(text) - ord("A")} if LETTER.fullmatch(text) else set()


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


def _choice_columns(names: Sequence[str]) -> tuple[str, ...]:
    """One column of lists, or all numbered ones of the same name, or letters from A."""
    column = first_column(LISTS, names)
    if column is not None:
        return (column,)
    by_name: dict[str, list[str]] = {}
    for name in names:
        if match := NUMBERED.fullmatch(name):
            by_name.setdefault(match[1].casefold(), []).append(name)
    numbered = max(by_name.values(), key=len, default=[])
    letters = [name for name in names if LETTER.fullmatch(name)]
    columns = numbered if len(numbered) > 1 else letters
    return tuple(columns) if len(columns) > 1 else ()


def _as_list(value: Any) -> list[Any]:
    items = read_list(value)
    return [] if items is None else list(items)
