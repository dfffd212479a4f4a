"""What the label of a row says, in whichever form data sets write it: names of labels, or a value.

Knows values of cells, not which column they are in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbert.tasks.columns import as_flag, is_list, read_list

Label = str | tuple[str, ...]


def parsed(value: Any, missing: Sequence[str] = ()) -> Any:
    """The value of a cell: a list if it is the text of one, None if it is one of `missing`."""
    if isinstance(value, str) and value.strip() in missing:
        return None
    items = read_list(value)
    return value if items is None else items


def names_of_columns(columns: Sequence[str], cells: Sequence[Any]) -> list[str] | None:
    """The columns whose cell is 1, where each label has a column; None if a cell is not a flag."""
    flags = [as_flag(cell) for cell in cells]
    if None in flags:
        return None
    return [name for name, flag in zip(columns, flags, strict=True) if flag]


def multi_hot_length(values: Iterable[Any]) -> int | None:
    """The length of lists of 0 and 1, if most lists among the values are such, of one length.

    Lists of one item each are lists of class numbers.
    """
    lists = [value for value in values if is_list(value)]
    lengths = Counter(len(value) for value in lists if is_multi_hot(value, len(value)))
    length, n = max(lengths.items(), key=lambda pair: pair[1], default=(0, 0))
    return length if length > 1 and 2 * n > len(lists) else None


def is_multi_hot(value: Any, length: int) -> bool:
    """Whether a parsed value is a list of 0 and 1, of this length."""
    numbers = (bool, int, float, np.bool_, np.number)
    return (
        is_list(value)
        and len(value) == length
        and all(isinstance(item, numbers) and item in (0, 1) for item in value)
    )


def read_label(
    value: Any, *, separator: str | None = None, hot: Sequence[str] = ()
) -> Label | None:
    """The name in a parsed value, or a tuple of names if a row may have several; None if neither.

    A list, or a text under a `separator`, holds several. True and false are the labels 1 and 0.
    With `hot`, a list holds 0 or 1 for each of these names.
    """
    if is_list(value):
        if hot:
            return tuple(name for name, flag in zip(hot, value, strict=False) if flag)
        names = [name_of(label) for label in value]
        return None if None in names else tuple(dict.fromkeys(n for n in names if n is not None))
    if separator and isinstance(value, str):
        parts = (part.strip() for part in value.split(separator))
        return tuple(dict.fromkeys(part for part in parts if part))
    return name_of(value)


def name_of(value: Any) -> str | None:
    """The name of a label without surrounding white space; None if it is empty."""
    if isinstance(value, (bool, np.bool_, int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return None if not np.isfinite(value) else str(int(value)) if value % 1 == 0 else str(value)
    return value.strip() or None if isinstance(value, str) else None


def names_of(label: Label) -> tuple[str, ...]:
    """The names in a label."""
    return label if isinstance(label, tuple) else (label,)


def read_value(label: Any, *, finite: bool = True) -> float | None:
    """A label as a finite number; None for anything else."""
    if isinstance(label, bool) or not isinstance(label, (int, float, str, np.number)):
        return None
    try:
        value = float(label)
    except ValueError:
        return None
    return value if np.isfinite(value) or not finite else None


def usual_kind(values: Iterable[Any]) -> str | None:
    """What most parsed labels are: a list, a number or a text; None if there is no label."""
    kinds = Counter(map(kind_of, values))
    kinds.pop(None, None)
    return max(kinds, key=lambda kind: kinds[kind]) if kinds else None


def kind_of(label: Any) -> str | None:
    """a list, a number or a text; None for a missing label."""
    if is_list(label):
        return "a list"
    if isinstance(label, str):
        return "a text" if label.strip() else None
    return None if label is None else "a number"


@dataclass(frozen=True, slots=True)
class LabelNumbers:
    """The number of each label by the ways in which rows may write it; see `numbers_by_name`."""

    exact: Mapping[str, int]
    folded: Mapping[str, int]

    def get(self, name: str) -> int | None:
        """The number of a name as a row writes it; None if no label has it."""
        return self.exact.get(name, self.folded.get(name.casefold()))


def numbers_by_name(
    labels: Sequence[str], *, class_numbers: bool = True, aliases: Sequence[str] = ()
) -> LabelNumbers:
    """The number of each label by its name, and by the other ways in which rows may write it.

    These are its name in another case, where that is the name of no second label; its alias; and
    with `class_numbers` its number, unless a label has a number as its name.
    """
    exact = {alias: i for i, alias in enumerate(aliases)}
    if class_numbers and not any(read_value(label) is not None for label in labels):
        exact |= {name: i for i in range(len(labels)) for name in (str(i), f"{i}.0")}
    exact |= {label: i for i, label in enumerate(labels)}
    count = Counter(label.casefold() for label in labels)
    unique = {x.casefold(): i for i, x in enumerate(labels) if count[x.casefold()] == 1}
    return LabelNumbers(exact, unique)
