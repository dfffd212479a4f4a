"""Records of CSV files, whose cells may be enclosed in quotes."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice

from distilbert.data.lines import Lines

# Longest cell in characters; Python's default of 131,072 is shorter than a book.
LONGEST_CELL = 1 << 30
NOT_CSV = "A row must be valid CSV."


def csv_records(
    lines: Lines,
    numbered: Iterable[tuple[int, str]] | None = None,
    *,
    delimiter: str | None = None,
) -> Iterator[tuple[int, list[str]]]:
    """Records of `lines` with the number of their first line.

    After a record that breaks the rules of CSV, reading continues with the line after its first
    one, because an unclosed quote would otherwise swallow all rows that follow it.

    Args:
        numbered: the lines with their numbers, if some were read before.
        delimiter: by default the comma, semicolon or tab that is in the first line.
    """
    numbered = iter(enumerate(lines, 1) if numbered is None else numbered)
    waiting = deque(islice(numbered, 1))
    if delimiter is None:
        first = waiting[0][1] if waiting else ""
        delimiter = next((mark for mark in ",;\t" if mark in first), ",")
    taken: list[tuple[int, str]] = []  # lines of the current record

    def texts() -> Iterator[str]:
        while line := waiting.popleft() if waiting else next(numbered, None):
            taken.append(line)
            yield line[1]

    remaining = texts()
    while True:
        taken.clear()
        fault = None
        try:
            cells = csv_record(remaining, delimiter)
        except csv.Error as error:
            cells, fault = [], error
        if cells is None:
            return
        readable = not lines.broken or lines.broken.isdisjoint(number for number, _ in taken)
        if fault is not None:
            if readable:
                got = f"{fault}, in the record up to line {taken[-1][0]}"
                lines.problems.add(NOT_CSV, f"{lines.name} line {taken[0][0]}", got)
            waiting.extendleft(reversed(taken[1:]))
            remaining = texts()
        elif cells and readable:
            yield taken[0][0], cells


def csv_record(texts: Iterator[str], delimiter: str) -> list[str] | None:
    """The record that begins with the next text; None if there is no more text.

    Raises:
        csv.Error: it breaks the rules of CSV.
    """
    limit = csv.field_size_limit(LONGEST_CELL)
    try:
        return next(csv.reader(texts, delimiter=delimiter, strict=True), None)
    finally:
        csv.field_size_limit(limit)
