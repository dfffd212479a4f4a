"""Rows of classification data: which columns hold texts and labels, and which rows are valid.

The forms in which a label may be written are in `labels.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.columns import (
    MISSING,
    TEXTS,
    column_names,
    first_column,
    is_text,
    missing_columns,
    missing_rule,
)
from distilbert.tasks.sequence_classification.labels import (
    is_multi_hot,
    kind_of,
    multi_hot_length,
    names_of,
    names_of_columns,
    numbers_by_name,
    parsed,
    read_label,
    read_value,
    usual_kind,
)
from distilbert.tasks.task import default_names

PAIRS = ("text_pair", "sentence2", "question2", "hypothesis", "#2 String")
# Questions and the sentences that may answer them, as QNLI has them: each is a text by its name.
ASKED, ANSWERING = "question", "sentence"
LABELS = ("label", "labels", "class", "category", "target", "score", "intent", "sentiment")
LABELS += ("gold_label", "is_duplicate", "Quality")

SINGLE, MULTI = "single_label_classification", "multi_label_classification"
REGRESSION = "regression"

EMPTY = "A text must not be empty."
NOT_TEXT = "A text must be text."
FOREIGN = "A label must be one of those to learn, or of the model:"
NO_LABEL = "A row must have a label: a text or a finite number."
NO_FLAG = "Each of several label columns must hold 0 or 1."
LABELS_SHOWN = 10
NOT_A_VALUE = "The label of a regression must be a finite number."
MIXED = "Labels must be of one kind."
HOT_LENGTH = "A list of 0 and 1 must have an item for each label: there are {} labels."


@dataclass(frozen=True, slots=True)
class Example:
    """A text or a pair; `truth` is a label number, a tuple of them, or a value."""

    text: str
    text_pair: str | None
    truth: Any
    place: str


@dataclass(frozen=True, slots=True)
class Columns:
    """Names of columns, None and () to guess them; several `label` columns hold 0 or 1, one for
    each label. `separator` separates several labels in one cell; every cell is then read as several
    labels, even if it holds one.

    `missing` are texts that stand for a missing value. `is_final` says that nothing more is
    guessed: without a second text there is none.
    """

    text: str | None = None
    text_pair: str | None = None
    label: tuple[str, ...] = ()
    separator: str | None = None
    missing: tuple[str, ...] = MISSING
    is_final: bool = False

    def found_in(self, rows: Sequence[Row], problems: Problems | None = None) -> Columns:
        """The columns that these rows have; missing ones are None and added to `problems`."""
        if not rows:
            return self
        names = column_names(rows)
        guessed = first_column(LABELS, names)
        label = self.label or (() if guessed is None else (guessed,))
        text, pair = self.text, self.text_pair
        if text is None:
            others = [name for name in names if name != pair]
            text, second = text_columns(others, pairs=pair is None and not self.is_final)
            pair = pair or second
        wanted: list[tuple[str, str | None]] = [("text", text)]
        wanted += [("label", name) for name in label or (None,)]
        wanted += [] if pair is None else [("text_pair", pair)]
        missing = missing_columns(rows, wanted, problems, task="text-classification")
        return replace(
            self,
            text=None if missing & {"text", "text_pair"} else text,
            text_pair=None if "text_pair" in missing else pair,
            label=() if "label" in missing else label,
            is_final=not missing,
        )

    def separator_for(self, problem_type: str | None) -> str | None:
        """What separates the labels in a cell: by default a comma where there may be several."""
        return self.separator or ("," if problem_type == MULTI else None)

    def labels_in(self, rows: Sequence[Row]) -> list[Any]:
        """What the label cells of each row say; the names of those that are 1 if they are several,
        None for a missing label."""
        if len(self.label) > 1:
            cells = ([row.values.get(name) for name in self.label] for row in rows)
            return [names_of_columns(self.label, of_row) for of_row in cells]
        name = self.label[0] if self.label else ""
        return [parsed(row.values.get(name), self.missing) for row in rows]


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of a task: their names, () if unknown, the kind of problem, whether a row may have
    the number of a label instead of its name, and other names in the same order."""

    names: tuple[str, ...] = ()
    problem_type: str | None = None
    class_numbers: bool = True
    aliases: tuple[str, ...] = ()


def text_columns(names: Sequence[str], *, pairs: bool = True) -> tuple[str | None, str | None]:
    """The columns with the usual names of a text and, if `pairs` may be there, of a second one."""
    text, pair = first_column(TEXTS, names), first_column(PAIRS, names) if pairs else None
    asked = first_column([ASKED], names)
    if pairs and pair is None and asked and text == first_column([ANSWERING], names):
        return asked, text
    return text, pair


def read_examples(
    rows: Sequence[Row], problems: Problems, *, columns: Columns, labels: Labels
) -> list[Example]:
    """The valid examples of rows; what is wrong with the others is added to `problems`."""
    columns = columns.found_in(rows, problems)
    if columns.text is None or not columns.label:
        return []
    names = [columns.text] if columns.text_pair is None else [columns.text, columns.text_pair]
    given = columns.labels_in(rows)
    reader = _Reader(columns, labels, given)
    examples = []
    for row, label in zip(rows, given, strict=True):
        texts: list[Any] = [row.values.get(name) for name in names]
        wrong = [text for text in texts if not is_text(text, columns.missing)]
        if wrong:
            problems.add(_wrong_text(wrong[0], columns.missing), row.place, wrong[0])
            continue
        truth = reader.truth(label)
        if isinstance(truth, _Wrong):
            cells = [row.values.get(name) for name in columns.label]
            got = (cells if len(cells) > 1 else cells[0]) if truth.got is None else truth.got
            is_missing = truth.rule == NO_LABEL and is_text(got)
            rule = missing_rule("A label", columns.missing) if is_missing else truth.rule
            problems.add(rule, row.place, got)
        else:
            text, pair = texts if len(texts) == 2 else (*texts, None)
            examples.append(Example(text, pair, truth, row.place))
    return examples


def _wrong_text(text: Any, missing: Sequence[str]) -> str:
    if not isinstance(text, str):
        return NOT_TEXT
    return EMPTY if not text.strip() else missing_rule("A text", missing)


@dataclass(frozen=True, slots=True)
class _Wrong:
    """The rule that a label breaks, and what is wrong if it is not the whole value."""

    rule: str
    got: Any = None


class _Reader:
    """Reads labels of rows; `given` are all of them, whose usual form decides."""

    def __init__(self, columns: Columns, labels: Labels, given: Sequence[Any]) -> None:
        self.labels, self.columns = labels, columns
        self.numbers = numbers_by_name(
            labels.names, class_numbers=labels.class_numbers, aliases=labels.aliases
        )
        self.usual = usual_kind(given)
        self.hot = hot_names(given, labels.names)
        self.separator = columns.separator_for(labels.problem_type)

    def truth(self, given: Any) -> Any:
        """A value, the number of a label, or the numbers of several; else what is wrong."""
        if self.labels.problem_type == REGRESSION:
            value = read_value(given)
            return _Wrong(NOT_A_VALUE) if value is None else value
        if kind_of(given) not in (self.usual, None):
            return _Wrong(MIXED)
        if self.hot and given is not None and not is_multi_hot(given, len(self.hot)):
            return _Wrong(HOT_LENGTH.format(len(self.hot)))
        label = read_label(given, separator=self.separator, hot=self.hot)
        if label is None:
            return _Wrong(NO_FLAG if len(self.columns.label) > 1 else NO_LABEL)
        names = names_of(label)
        if self.labels.problem_type == SINGLE and isinstance(label, tuple) and len(names) != 1:
            return _Wrong(MIXED)
        found = {name: self.numbers.get(name) for name in names}
        foreign = [name for name, number in found.items() if number is None]
        if foreign:
            known = self.labels.names
            more = "" if len(known) <= LABELS_SHOWN else ", ..."
            rule = f"{FOREIGN} {', '.join(known[:LABELS_SHOWN])}{more}."
            return _Wrong(rule, ", ".join(foreign))
        numbers = tuple(number for number in found.values() if number is not None)
        return numbers if self.labels.problem_type == MULTI else numbers[0]


def hot_names(given: Sequence[Any], labels: Sequence[str]) -> tuple[str, ...]:
    """The label of each place in lists of 0 and 1; () if the labels are not written so.

    With known `labels` these are meant, unless 0 and 1 are the names of some.
    """
    length = multi_hot_length(given)
    if length is None or set(labels) & {"0", "1"}:
        return ()
    return tuple(labels) or default_names(length)
