"""Rows of classification data: which columns hold the texts and the label, and what a label is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

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

TEXTS = ("text", "sentence", "sentence1", "review", "question", "question1", "premise", "content")
PAIRS = ("text_pair", "sentence2", "question2", "hypothesis")
LABELS = ("label", "labels", "class", "category", "target", "score", "intent", "sentiment")

SINGLE, MULTI = "single_label_classification", "multi_label_classification"
REGRESSION = "regression"

EMPTY = "A text must not be empty."
NOT_TEXT = "A text must be text."
FOREIGN = "A label must be among those of the training rows, or of `labels`:"
MISSING = "A row must have a label: a text or a finite number."
LABELS_SHOWN = 10
NOT_A_VALUE = "The label of a regression must be a finite number."
MIXED = "Labels must be of one kind."

Label = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """A text or a pair; `truth` is a label number, a tuple of them, or a value."""

    text: str
    text_pair: str | None
    truth: Any
    place: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns, None to guess them. `separator` separates several labels in one cell; every
    cell is then read as several labels, even if it holds one.

    `is_final` says that nothing more is guessed: without a second text there is none.
    """

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    separator: str | None = None
    is_final: bool = False

    def found_in(self, rows: Sequence[Row], problems: Problems | None = None) -> Columns:
        """The columns that these rows have; missing ones are None and added to `problems`."""
        if not rows:
            return self
        names = column_names(rows)
        text = self.text or first_column(TEXTS, names)
        label = self.label or first_column(LABELS, names)
        pair = self.text_pair
        if pair is None and self.text is None and not self.is_final:
            pair = first_column(PAIRS, names)
        wanted = [("text", text), ("label", label)]
        wanted += [] if pair is None else [("text_pair", pair)]
        missing = missing_columns(rows, wanted, problems)
        return replace(
            self,
            text=None if missing & {"text", "text_pair"} else text,
            text_pair=None if "text_pair" in missing else pair,
            label=None if "label" in missing else label,
            is_final=not missing,
        )


def read_examples(
    rows: Sequence[Row],
    problems: Problems,
    *,
    columns: Columns,
    labels: Sequence[str],
    problem_type: str | None,
) -> list[Example]:
    """The valid examples of rows; what is wrong with the others is added to `problems`."""
    columns = columns.found_in(rows, problems)
    if columns.text is None or columns.label is None:
        return []
    names = [columns.text] if columns.text_pair is None else [columns.text, columns.text_pair]
    number = {label: i for i, label in enumerate(labels)}
    usual = usual_kind(rows, columns.label)
    examples = []
    for row in rows:
        texts: list[Any] = [row.values.get(name) for name in names]
        wrong = [text for text in texts if not is_text(text)]
        given = row.values.get(columns.label)
        if wrong:
            problems.add(EMPTY if isinstance(wrong[0], str) else NOT_TEXT, row.place, wrong[0])
            continue
        if problem_type == REGRESSION:
            truth = read_value(given)
            if truth is None:
                problems.add(NOT_A_VALUE, row.place, given)
        elif kind_of(given) not in (usual, None):
            problems.add(MIXED, row.place, given)
            continue
        else:
            truth = _numbers_of(row, columns, number, problem_type, problems)
        if truth is not None:
            text, pair = texts if len(texts) == 2 else (*texts, None)
            examples.append(Example(text, pair, truth, row.place))
    return examples


def _numbers_of(
    row: Row,
    columns: Columns,
    number: Mapping[str, int],
    problem_type: str | None,
    problems: Problems,
) -> int | tuple[int, ...] | None:
    """The number of a row's label, or the numbers of several; None if something is wrong."""
    label, given = read_label(row, columns), row.values.get(columns.label or "")
    if label is None or (problem_type == SINGLE and isinstance(label, tuple)):
        problems.add(MISSING if label is None else MIXED, row.place, given)
        return None
    foreign = [name for name in names_of(label) if name not in number]
    if foreign:
        more = "" if len(number) <= LABELS_SHOWN else ", ..."
        known = f"{', '.join(list(number)[:LABELS_SHOWN])}{more}"
        problems.add(f"{FOREIGN} {known}.", row.place, ", ".join(foreign))
        return None
    numbers = tuple(number[name] for name in names_of(label))
    return numbers if problem_type == MULTI else numbers[0]


def read_label(row: Row, columns: Columns) -> Label | None:
    """The name of a row's label, or a tuple of names if a row may have several; None if neither.

    A list, or a cell under a `separator`, holds several. True and false are the labels 1 and 0.
    """
    value = row.values.get(columns.label or "")
    if is_list(value):
        names = [_name(label) for label in value]
        return None if None in names else tuple(dict.fromkeys(n for n in names if n is not None))
    if columns.separator and isinstance(value, str):
        parts = (part.strip() for part in value.split(columns.separator))
        return tuple(dict.fromkeys(part for part in parts if part))
    return _name(value)


def _name(value: Any) -> str | None:
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return None if not np.isfinite(value) else str(int(value)) if value % 1 == 0 else str(value)
    return value if isinstance(value, str) and value else None


def read_value(label: Any, *, finite: bool = True) -> float | None:
    """A label as a number; None if it is none, or if it is not finite."""
    if isinstance(label, bool) or not isinstance(label, (int, float, str, np.number)):
        return None
    try:
        value = float(label)
    except ValueError:
        return None
    return value if np.isfinite(value) or not finite else None


def usual_kind(rows: Sequence[Row], column: str | None) -> str | None:
    """What most labels are: a list, a number or a text; None if there is no label."""
    kinds = Counter(kind_of(row.values.get(column or "")) for row in rows)
    kinds.pop(None, None)
    return max(kinds, key=lambda kind: kinds[kind]) if kinds else None


def kind_of(label: Any) -> str | None:
    """a list, a number or a text; None for a missing label."""
    if is_list(label):
        return "a list"
    if isinstance(label, str):
        return "a text" if label else None
    return None if label is None else "a number"


def names_of(label: Label) -> tuple[str, ...]:
    """The names in a label."""
    return label if isinstance(label, tuple) else (label,)
