"""Which columns of a table hold what, named or guessed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any, TypeGuard

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row

# A column that none of the first rows has does not exist.
ROWS_SEEN = 100


def column_names(rows: Sequence[Row]) -> list[str]:
    """The columns of the first rows."""
    return list(dict.fromkeys(name for row in rows[:ROWS_SEEN] for name in row.values))


def first_column(candidates: Iterable[str], names: Sequence[str]) -> str | None:
    """The first of the candidates among the names, whatever its case."""
    folded = {name.casefold(): name for name in reversed(names)}
    return next((folded[name.casefold()] for name in candidates if name.casefold() in folded), None)


def missing_columns(
    rows: Sequence[Row],
    wanted: Iterable[tuple[str, str | None]],
    problems: Problems | None = None,
) -> set[str]:
    """The options that name no column of these rows; each is added to `problems`.

    `wanted` holds options and the names that they have, None where none was found.
    """
    names = column_names(rows)
    missing = [(option, name) for option, name in wanted if name not in names]
    for option, name in missing:
        if problems is None or not rows:
            break
        near = difflib.get_close_matches(name or option, names, 1)
        hint = f" Nearest: {near[0]}." if near else ""
        rule = f"`{option}` must name a column of the data, which has: {', '.join(names)}.{hint}"
        problems.add(rule, rows[0].place, name)
    return {option for option, _ in missing}


def is_text(value: Any) -> TypeGuard[str]:
    """Whether a value is a string with more than white space."""
    return isinstance(value, str) and bool(value.strip())


def is_list(value: Any) -> TypeGuard[Sequence[Any]]:
    """Whether a value holds several: readers of data return lists, tuples or arrays."""
    return isinstance(value, (list, tuple, np.ndarray))
