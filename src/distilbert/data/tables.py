"""Rows of comma-separated and tab-separated files: names for the cells of their records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from distilbert.data.csv_records import csv_records
from distilbert.data.lines import Lines
from distilbert.data.rows import Row
from distilbert.data.tab_separated import tsv_records
from distilbert.errors import DataError


def read_table(
    lines: Lines,
    *,
    tabs: bool,
    column_names: Sequence[str] = (),
    headerless_names: Sequence[str] = (),
    unique_names: bool = True,
) -> Iterator[Row]:
    """Rows whose columns are named by the first line, or by `column_names` if it is a row itself.

    It is also a row, with columns `headerless_names`, if it has as many cells as these names and
    contains none of them.
    The place of a row is its first line. Blank lines are skipped; rows with more or fewer cells
    than the header are reported. `tabs` says that tabs separate the cells, with quotes as
    `tsv_records` reads them; otherwise the file is CSV. With `unique_names`, names must differ, and
    columns without a name, such as the index that pandas writes, are left out; otherwise the last
    of several columns with the same name is kept.

    Raises:
        DataError: two columns have the same name although names must differ.
    """
    names, header = list(column_names), None
    records = tsv_records(lines, len(names)) if tabs else csv_records(lines)
    if not names:
        number, names = next(records, (1, []))
        header = f"{lines.name} line {number}"
        if (
            headerless_names
            and len(names) == len(headerless_names)
            and not set(names) & set(headerless_names)
        ):
            records = chain([(number, names)], records)
            names, header = list(headerless_names), None
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
            yield Row(values, f"{lines.name} line {number}", header=header)
