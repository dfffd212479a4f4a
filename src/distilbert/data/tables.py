"""Rows of comma-separated and tab-separated files.

A CSV file has quoted cells and may be separated by semicolons; in a TSV file, as GLUE and most
corpora have it, a quote is a character like any other.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence

from distilbert.data.lines import Lines
from distilbert.data.rows import Row
from distilbert.errors import DataError

# Of one cell, in characters; Python's own limit is 131,072, less than a book.
LONGEST_CELL = 1 << 30
NOT_CSV = "A row must be valid CSV."


def read_table(lines: Lines, *, quoted: bool, column_names: Sequence[str] = ()) -> Iterator[Row]:
    """Rows whose columns are named by the first line, or by `column_names` where no line does.

    A place is the line in which a row begins. Blank lines are left out. Rows of another number of
    cells than the header go to the problems.

    Raises:
        DataError: the header names a column twice or not at all.
    """
    records = _quoted_records(lines) if quoted else _plain_records(lines)
    names = list(column_names)
    if not names:
        _, names = next(records, (1, []))
        _check_header(names, lines.name)
    rule = f"A row must have as many cells as there are columns, {len(names)}."
    for number, cells in records:
        if len(cells) != len(names):
            lines.problems.add(rule, f"{lines.name} line {number}", cells)
        else:
            yield Row(dict(zip(names, cells, strict=True)), f"{lines.name} line {number}")


def _check_header(names: Sequence[str], name: str) -> None:
    if names and (len(set(names)) < len(names) or "" in names):
        raise DataError(
            f"The first line of {name} must name each column once: got {', '.join(names)}. Where "
            f"it is a row like the others, name the columns with `--column-names`."
        )


def _plain_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n").removesuffix("\r")
        if line and number not in lines.broken:
            yield number, line.split("\t")


def _quoted_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    """Records of CSV. Where one breaks its rules, reading goes on in the line after its first: a
    quote that nothing closes would take all rows behind it along."""
    source = enumerate(lines, 1)
    head = next(source, None)
    if head is None:
        return
    delimiter = ";" if ";" in head[1] and "," not in head[1] else ","
    again: deque[tuple[int, str]] = deque([head])
    taken: list[tuple[int, str]] = []
    reader = _reader(again, source, taken, delimiter)
    while True:
        taken.clear()
        limit = csv.field_size_limit(LONGEST_CELL)
        try:
            cells = next(reader, None)
        except csv.Error as error:
            begin = taken[0][0]
            if not _touches(lines.broken, taken):
                told = f"{error}, in the record up to line {taken[-1][0]}"
                lines.problems.add(NOT_CSV, f"{lines.name} line {begin}", told)
            again.extendleft(reversed(taken[1:]))
            reader = _reader(again, source, taken, delimiter)
            continue
        finally:
            csv.field_size_limit(limit)
        if cells is None:
            return
        if cells and not _touches(lines.broken, taken):
            yield taken[0][0], cells


def _reader(
    again: deque[tuple[int, str]],
    source: Iterator[tuple[int, str]],
    taken: list[tuple[int, str]],
    delimiter: str,
) -> Iterator[list[str]]:
    """Reads the lines of `again`, then those of `source`; `taken` gets those it has asked for."""

    def lines() -> Iterator[str]:
        while True:
            line = again.popleft() if again else next(source, None)
            if line is None:
                return
            taken.append(line)
            yield line[1]

    return csv.reader(lines(), delimiter=delimiter, strict=True)


def _touches(broken: set[int], taken: Sequence[tuple[int, str]]) -> bool:
    return any(number in broken for number, _ in taken) if broken else False
