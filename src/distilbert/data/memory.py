"""Rows passed in Python: tables of pandas, polars, Arrow and datasets, lists of dicts.

Imports none of these packages: a table is known by its methods.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from typing import Any

from distilbert.data.hub_sets import rows_of_set
from distilbert.data.rows import Row, text_row
from distilbert.errors import DataError

# Rows that a caller passed in Python, by the name of the argument.
Memory = Mapping[str, Sequence[Row]]
# Prefix of what a run card records of such rows.
MEMORY = "memory:"
KINDS = (
    "a file name, a list of file names, a DataFrame, a Dataset, a list of dicts, or a dict of "
    "columns"
)


def names_sources(value: Any) -> bool:
    """Whether `value` names files or data sets of the hub, or is None, instead of being rows."""
    if value is None or isinstance(value, (str, PathLike)):
        return True
    return isinstance(value, (list, tuple)) and all(
        isinstance(one, (str, PathLike)) for one in value
    )


def sources_of(value: Any) -> tuple[str, ...]:
    """The names in a value for which `names_sources` is true."""
    if value is None:
        return ()
    return (fspath(value),) if isinstance(value, (str, PathLike)) else tuple(map(fspath, value))


def rows_in_memory(value: Any, name: str) -> list[Row]:
    """The rows of a table or of an iterable of dicts and texts; the caller's object is not changed.

    Missing values of a DataFrame become None. `name` is the argument, for places and errors.

    Raises:
        DataError: it is neither, or holds several splits.
    """
    if hasattr(value, "features") and hasattr(value, "column_names"):  # datasets
        return list(rows_of_set(value, name))
    if isinstance(value, Mapping):
        return _rows(_of_columns(value, name), name)
    if hasattr(value, "notna") and hasattr(value, "to_dict") and hasattr(value, "columns"):
        return _rows(value.astype(object).where(value.notna(), None).to_dict("records"), name)
    for method in ("to_dicts", "to_pylist"):  # polars, Arrow
        if hasattr(value, method):
            return _rows(getattr(value, method)(), name)
    if not isinstance(value, Iterable) or isinstance(value, (str, bytes)):
        raise DataError(f"`{name}` must be {KINDS}: got {type(value).__name__}.")
    return _rows(value, name)


def take_rows(changes: dict[str, Any], names: Iterable[str]) -> Memory:
    """Take rows out of `changes` that are not names of sources, and leave what the card records.

    Args:
        names: the arguments that may be rows.

    Raises:
        DataError: they are not rows.
    """
    memory: dict[str, Sequence[Row]] = {}
    for name in names:
        value = changes.get(name)
        if not names_sources(value):
            memory[name] = rows_in_memory(value, name)
            changes[name] = describe(value, len(memory[name]))
    return memory


def describe(value: Any, n_rows: int) -> str:
    """What a run card records of rows that were passed in Python."""
    return f"{MEMORY}{type(value).__name__} of {n_rows} rows"


def _of_columns(value: Mapping[Any, Any], name: str) -> Iterator[dict[str, Any]]:
    splits = [key for key, one in value.items() if hasattr(one, "features")]
    if splits:
        raise DataError(
            f"`{name}` must be one split of the data set: got {', '.join(map(str, splits))}. "
            f"Pass one, such as dataset[{splits[0]!r}]."
        )
    columns = {
        str(key): list(one)
        for key, one in value.items()
        if isinstance(one, Iterable) and not isinstance(one, (str, bytes, Mapping))
    }
    lengths = {len(one) for one in columns.values()}
    if len(columns) < len(value) or len(lengths) != 1:
        raise DataError(
            f"`{name}` must be {KINDS}: got a dict whose values are not columns of one length."
        )
    return (
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    )


def _rows(values: Iterable[Any], name: str) -> list[Row]:
    rows = []
    for number, value in enumerate(values, 1):
        place = f"{name} row {number}"
        if isinstance(value, Row):  # read before
            rows.append(value)
        elif isinstance(value, Mapping):
            rows.append(Row({str(key): one for key, one in value.items()}, place))
        elif isinstance(value, str):
            rows.append(text_row(str(value), place))
        else:
            raise DataError(
                f"A row must be a dict of columns or a text: got {type(value).__name__} in {place}."
            )
    return rows
