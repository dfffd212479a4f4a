"""Which columns of a table hold the texts and the label, named or guessed, and what a label is."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row

TEXTS = ("text", "sentence", "sentence1", "review", "question", "question1", "premise", "content")
# A column that none of the first so many rows has is not there.
ROWS_SEEN = 100
PAIRS = ("text_pair", "sentence2", "question2", "hypothesis")
LABELS = ("label", "labels", "class", "category", "target", "score", "intent", "sentiment")


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns, None to be guessed. `separator` parts several labels in one cell; the
    cell is then read as several labels even if it holds one.

    `is_final` says that guessing is over: without a pair there is none.
    """

    text: str | None = None
    text_pair: str | None = None
    label: str | None = None
    separator: str | None = None
    is_final: bool = False

    def found_in(self, rows: Sequence[Row], problems: Problems | None = None) -> Columns:
        """The columns as these rows have them; what is not there goes to `problems`."""
        if not rows:
            return self
        there = _names_in(rows)
        text = self.text or _first(TEXTS, there)
        label = self.label or _first(LABELS, there)
        pair = self.text_pair
        if pair is None and self.text is None and not self.is_final:
            pair = _first(PAIRS, there)
        wanted = {"text": text, "label": label}
        if pair is not None:
            wanted["text_pair"] = pair
        if problems is not None:
            has_columns(rows, wanted, problems)
        missing = {option for option, name in wanted.items() if name not in there}
        if "text_pair" in missing:
            missing.add("text")
        return replace(
            self,
            text=None if "text" in missing else text,
            text_pair=None if "text_pair" in missing else pair,
            label=None if "label" in missing else label,
            is_final=not missing,
        )


def _first(names: Sequence[str], there: Sequence[str]) -> str | None:
    """The first of `names` that is there, whatever its case."""
    folded = {name.casefold(): name for name in reversed(there)}
    return next((folded[name] for name in names if name in folded), None)


def _names_in(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(name for row in rows[:ROWS_SEEN] for name in row.values))


def has_columns(rows: Sequence[Row], wanted: Mapping[str, str | None], problems: Problems) -> bool:
    """Whether the columns that options name are there; those that are not go to `problems`."""
    there = _names_in(rows)
    missing = {option: name for option, name in wanted.items() if name not in there}
    for option, name in missing.items():
        problems.add(missing_column(option, name, there), rows[0].place, name)
    return not missing


def missing_column(option: str, name: str | None, there: Sequence[str]) -> str:
    """The rule that an option must name one of the columns that are there."""
    near = difflib.get_close_matches(name or option, there, 1)
    guess = f" Nearest: {near[0]}." if near else ""
    return f"`{option}` must name a column of the data, which has: {', '.join(there)}.{guess}"


def read_label(row: Row, columns: Columns) -> str | tuple[str, ...] | None:
    """The name of a row's label, or a tuple of names where a row may have several; None if neither.

    A list, or a cell under a `separator`, holds several. True and false are the labels 1 and 0.
    """
    value = row.values.get(columns.label or "")
    if isinstance(value, (list, tuple, np.ndarray)):
        names = [_name(one) for one in value]
        return None if None in names else tuple(dict.fromkeys(n for n in names if n is not None))
    if columns.separator and isinstance(value, str):
        parts = (part.strip() for part in value.split(columns.separator))
        return tuple(dict.fromkeys(part for part in parts if part))
    return _name(value)


def _name(value: Any) -> str | None:
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if isinstance(value, (int, np.integer)):
        return str(value)
    if isinstance(value, (float, np.floating)):
        return None if not np.isfinite(value) else str(int(value)) if value % 1 == 0 else str(value)
    return value if isinstance(value, str) and value else None


def usual_kind(rows: Sequence[Row], column: str | None) -> str | None:
    """What most labels of rows are: a list, a number or a text; None where there is no label."""
    kinds = Counter(kind_of(row.values.get(column or "")) for row in rows)
    kinds.pop(None, None)
    return max(kinds, key=lambda kind: kinds[kind]) if kinds else None


def kind_of(label: Any) -> str | None:
    """a list, a number or a text; None for a label that is not there."""
    if isinstance(label, (list, tuple, np.ndarray)):
        return "a list"
    if isinstance(label, str):
        return "a text" if label else None
    return None if label is None else "a number"


def values_of(label: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names in a label."""
    return label if isinstance(label, tuple) else (label,)
