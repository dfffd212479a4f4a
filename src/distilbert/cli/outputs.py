"""The results of a command: text on standard output, or a file in the format of its suffix.

An output is opened before the work begins, so that one that cannot be written costs no time. A
regular file appears only if there was no error.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from distilbert._lazy import require
from distilbert.errors import DataError, InputError

# Suffix of an output -> how its rows are written.
TABLES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}

Record = Mapping[str, Any]


def beside(columns: Record, answer: Record) -> dict[str, Any]:
    """The columns of an input and those of its answer, which never replace one of the input."""
    joined = dict(columns)
    for name, value in answer.items():
        while name in joined:
            name = f"predicted_{name}"
        joined[name] = value
    return joined


def table_format(path: str | None) -> str | None:
    """How rows are written to this output; None for text, and for standard output."""
    return None if path is None else TABLES.get(Path(path).suffix.lower())


@contextmanager
def output_stream(path: str | None) -> Iterator[IO[str]]:
    """Standard output for None and "-", or a UTF-8 file."""
    if path in (None, "-"):
        yield sys.stdout
        sys.stdout.flush()
        return
    assert path is not None
    # In JSON, a backslash and the number of a lone surrogate are its escape.
    with (
        output_file(path) as place,
        open(place, "w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        yield stream


@contextmanager
def output_file(path: str) -> Iterator[Path]:
    """The place to write an output file to.

    Raises:
        InputError: it cannot be written.
    """
    from distilbert.checkpoint.atomic import atomic_file, check_writable

    try:
        check_writable(path)
    except OSError as error:
        raise InputError(f"`output`: {error}") from None
    places: list[Path] = []
    try:
        with atomic_file(path) as place:
            places.append(place)
            yield place
    except OSError as error:
        # A full disk, a closed pipe, a folder in which the system creates no files.
        if error.filename in (None, *map(str, places)) and error.errno is not None:
            raise InputError(f"`output` could not be written: {path}: {error.strerror}.") from None
        raise


@contextmanager
def table_output(path: str, kind: str) -> Iterator[Callable[[Record], None]]:
    """A function that adds a row to an output file; `kind` is one of `TABLES`.

    Raises:
        InputError: the file cannot be written.
        DataError: a row of a CSV or TSV file has a column that is not in the first one.
        MissingDependencyError: a Parquet file without pyarrow.
    """
    if kind == "parquet":
        arrow = require("pyarrow", "write Parquet files")
        parquet = require("pyarrow.parquet", "write Parquet files")
        rows: list[Record] = []
        with output_file(path) as place:
            yield rows.append
            with open(place, "wb") as stream:
                parquet.write_table(
                    arrow.Table.from_pylist([_plain_row(row) for row in rows]), stream
                )
        return
    with output_stream(path) as stream:
        if kind == "jsonl":
            yield lambda row: print(json_line(row), file=stream)
        else:
            yield _Cells(stream, path, "," if kind == "csv" else "\t").add


class _Cells:
    """Rows of a CSV or TSV file; the first decides the columns."""

    def __init__(self, stream: IO[str], path: str, delimiter: str) -> None:
        self.writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
        self.path = path
        self.columns: list[str] = []

    def add(self, row: Record) -> None:
        if not self.columns:
            self.columns = list(row)
            self.writer.writerow(self.columns)
        if foreign := [name for name in row if name not in self.columns]:
            raise DataError(
                f"Every row of {self.path} must have the columns of the first, "
                f"{', '.join(self.columns)}: got one with {', '.join(foreign)}. A file that ends "
                "in .jsonl can hold them."
            )
        self.writer.writerow([_cell(row.get(name)) for name in self.columns])


def _cell(value: Any) -> Any:
    """A value as a cell: lists and objects as JSON."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    return json_line(value) if isinstance(value, (list, tuple, dict)) else value


def _plain_row(row: Record) -> dict[str, Any]:
    return json.loads(json_line(row))


def json_line(value: Any) -> str:
    """One line of JSON; arrays become lists, and characters outside ASCII are not escaped."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def shorten(text: str, length: int) -> str:
    """`text` in at most `length` characters."""
    return text if len(text) <= length else f"{text[: length - 3]}..."
