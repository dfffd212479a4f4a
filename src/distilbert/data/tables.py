"""Rows of comma-separated and tab-separated files.

Quotes enclose cells in a CSV file, which may also be separated by semicolons or tabs. In a TSV file
as GLUE and most corpora have it, a quote is an ordinary character.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from distilbert.data.lines import Lines
from distilbert.data.rows import Row
from distilbert.errors import DataError

# Longest cell in characters; Python's default of 131,072 is shorter than a book.
LONGEST_CELL = 1 << 30
NOT_CSV = "A row must be valid CSV."


def read_table(
    lines: Lines,
    *,
    quoted: bool,
    delimiter: str | None = None,
    column_names: Sequence[str] = (),
    headerless_names: Sequence[str] = (),
    unique_names: bool = True,
) -> Iterator[Row]:
    """Rows whose columns are named by the first line, or by `column_names` if it is a row itself.

    It is also a row, with columns `headerless_names`, if it has as many cells as these names.
    The place of a row is its first line. Blank lines are skipped; rows with more or fewer cells
    than the header are reported. The `delimiter` of `quoted` files is by default found in the first
    line. With `unique_names`, names must differ, and columns without a name, such as the index
    that pandas writes, are left out; otherwise the last of several columns with the same name is
    kept.

    Raises:
        DataError: two columns have the same name although names must differ.
    """
    records = _quoted_records(lines, delimiter) if quoted else _plain_records(lines)
    names = list(column_names)
    if not names:
        number, names = next(records, (1, []))
        if names and len(names) == len(headerless_names):
            records = chain([(number, names)], records)
            names = list(headerless_names)
        elif unique_names and len(set(names)) < len(names) - max(0, names.count("") - 1):
            raise DataError(
                f"The first line of {lines.name} must name each column once: got "
                f"{', '.join(names)}. If it is a row like the others, set `column_names`."
            )
    rule = f"A row must have as many cells as there are columns, {len(names)}."
    for number, cells in records:
        if len(cells) != len(names):
            lines.problems.add(rule, f"{lines.name} line {number}", cells)
        else:
            named = zip(names, cells, strict=True)
            values = {name: cell for name, cell in named if name or not unique_names}
            yield Row(values, f"{lines.name} line {number}")


def _plain_records(lines: Lines) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n").removesuffix("\r")
        if line and number not in lines.broken:
            yield number, line.split("\t")


def _quoted_records(lines: Lines, delimiter: str | None) -> Iterator[tuple[int, list[str]]]:
    """Records of CSV with the number of their first line.

    After a record that breaks the rules of CSV, reading continues with the line after its first
    one, because an unclosed quote would otherwise swallow all rows that follow it.
    """
    numbered = enumerate(lines, 1)
    waiting = deque(islice(numbered, 1))
    if delimiter is None:
        first = waiting[0][1] if waiting else ""
        delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    taken: list[tuple[int, str]] = []  # lines of the current record

    def texts() -> Iterator[str]:
        while line := waiting.popleft() if waiting else next(numbered, None):
            taken.append(line)
            yield line[1]

    reader = csv.reader(texts(), delimiter=delimiter, strict=True)
    while True:
        taken.clear()
        limit = csv.field_size_limit(LONGEST_CELL)
        fault = None
        try:
            cells = next(reader, None)
        except csv.Error as error:
            cells, fault = [], error
        finally:
            csv.field_size_limit(limit)
        if cells is None:
            return
        readable = not lines.broken or lines.broken.isdisjoint(number for number, _ in taken)
        if fault is not None:
            if readable:
                got = f"{fault}, in the record up to line {taken[-1][0]}"
                lines.problems.add(NOT_CSV, f"{lines.name} line {taken[0][0]}", got)
            waiting.extendleft(reversed(taken[1:]))
            reader = csv.reader(texts(), delimiter=delimiter, strict=True)
        elif cells and readable:
            yield taken[0][0], cells
