"""Which columns of a table hold what, named or guessed."""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeGuard

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row

# A column that none of the first rows has does not exist.
ROWS_SEEN = 100
# Task -> the columns that tell its rows from those of others; each may have several names.
TASK_COLUMNS = {
    "question-answering": (("question",), ("context",), ("answers", "answer_text")),
    "multiple-choice": (("endings", "choices", "ending0", "choice0", "options"),),
    "token-classification": (("tokens", "words"), ("tags", "ner_tags", "pos_tags")),
}
# Usual names of the column of texts.
TEXTS = ("text", "sentence", "sentence1", "review", "question", "question1", "premise", "content")
TEXTS += ("#1 String",)
# Items of a list that is written as text: strings in quotes, numbers, true and false.
STRING, QUOTES = r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*\"""", "\"'"
NUMBER = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
FLAGS = {"True": True, "False": False, "true": True, "false": False}
ITEM = re.compile(f"{STRING}|{NUMBER}|{'|'.join(FLAGS)}", re.DOTALL)
ITEMS = re.compile(rf"\s*\[\s*((?:(?:{ITEM.pattern})(?:\s*,\s*|\s+|(?=\])))*)\]\s*", re.DOTALL)
TRUE, FALSE = {"1", "1.", "1.0", "true"}, {"0", "0.", "0.0", "false"}
# Texts that stand for a missing value, as pandas and R write it.
MISSING = ("nan", "NaN", "NA", "<NA>")


def column_names(rows: Sequence[Row]) -> list[str]:
    """The columns of the first rows."""
    return list(dict.fromkeys(name for row in rows[:ROWS_SEEN] for name in row.values))


def first_column(candidates: Iterable[str], names: Sequence[str]) -> str | None:
    """The first of the candidates among the names, whatever its case."""
    folded = {name.casefold(): name for name in reversed(names)}
    return next((folded[name.casefold()] for name in candidates if name.casefold() in folded), None)


def text_column(rows: Sequence[Row], name: str | None, problems: Problems) -> str | None:
    """The column of texts to learn without labels: `name`, or the first with a usual name.

    None if these rows do not have it, which is added to `problems`.
    """
    name = name or first_column(TEXTS, column_names(rows)) or TEXTS[0]
    missing = rows and missing_columns(rows, [("text", name)], problems, task="masked-lm")
    return None if missing else name


def missing_columns(
    rows: Sequence[Row],
    wanted: Iterable[tuple[str, str | None]],
    problems: Problems | None = None,
    *,
    task: str,
) -> set[str]:
    """The options that name no column of these rows; each is added to `problems`.

    `wanted` holds options and the names that they have, None where none was found. If the columns
    are those of another task than `task`, one rule for all options suggests it.
    """
    names = column_names(rows)
    missing = [(option, name) for option, name in wanted if name not in names]
    other = task_of_columns(names)
    if missing and rows and problems is not None and other not in (None, task):
        rule = (
            f"Rows of {task} must have columns for {' and '.join(f'`{one}`' for one, _ in missing)}"
            f": got {', '.join(names)}. These are columns of {other}: set `task` to it."
        )
        problems.add_source(rule, rows[0].columns_place)
        return {option for option, _ in missing}
    for option, name in missing:
        if problems is None or not rows:
            break
        near = difflib.get_close_matches(name or option, names, 1)
        hint = f" Nearest: {near[0]}." if near else ""
        if any(" " in name or not name.strip() for name in names):
            hint += " If these are the cells of a row, set `column_names`."
        got = "" if name is None else f" Got {name!r}."
        rule = (
            f"`{option}` must name a column of the data, which has: {', '.join(names)}.{got}{hint}"
        )
        problems.add_source(rule, rows[0].columns_place)
    return {option for option, _ in missing}


def task_of_columns(names: Sequence[str]) -> str | None:
    """The task whose rows usually have these columns; None if they fit none in particular."""
    known = {name.casefold() for name in names}
    for task, columns in TASK_COLUMNS.items():
        if all(known & set(of_one) for of_one in columns):
            return task
    return None


def is_text(value: Any, missing: Sequence[str] = ()) -> TypeGuard[str]:
    """Whether a value is a string with more than white space, and not one of `missing`."""
    return isinstance(value, str) and bool(value.strip()) and value.strip() not in missing


def missing_rule(what: str, missing: Sequence[str]) -> str:
    """The rule that is broken by a text that means a missing value."""
    names = ", ".join(name for name in missing if name)
    return f"{what} must not be a missing value ({names}, unless `missing` names others)."


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether a value holds several: readers of data return lists, tuples or arrays."""
    return isinstance(value, (list, tuple, np.ndarray))


def read_list(value: Any) -> Sequence[Any] | None:
    """A list, or the list of strings and numbers that is written in a text; None for other values.

    Tables hold lists as Python and JSON write them and as NumPy prints them, `['a' 'b']`.
    """
    if is_list(value):
        return value
    enclosed = ITEMS.fullmatch(value) if isinstance(value, str) else None
    if enclosed is None:
        return None
    try:
        items = json.loads(value)
        return items if all(isinstance(item, (str, int, float)) for item in items) else None
    except (ValueError, RecursionError):
        return [_read_item(item) for item in ITEM.findall(enclosed[1])]


def read_object(value: Any) -> Any:
    """A value that a table may hold as the text of a Python or JSON object."""
    if not isinstance(value, str) or not value.strip().startswith(("{", "[")):
        return value
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
            return read(value.strip())
    return value


def _read_item(text: str) -> Any:
    """The value of a text that `ITEM` matches."""
    if text in FLAGS:
        return FLAGS[text]
    if text[0] not in QUOTES:
        return float(text) if set(text) & set(".eE") else int(text)
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):  # escapes that Python does not have
        return text[1:-1]


def as_flag(value: Any) -> bool | None:
    """What a cell of 0 and 1 or of true and false says; None for any other value."""
    text = str(value).strip().casefold()
    return True if text in TRUE else False if text in FALSE else None
