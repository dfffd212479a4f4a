"""Texts to calibrate on or to compare answers on, from files, data sets or Python."""

from __future__ import annotations

from itertools import islice
from typing import Any

from distilbert.data.memory import names_sources, rows_in_memory, sources_of
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import iter_rows
from distilbert.errors import DataError
from distilbert.tasks.columns import is_text
from distilbert.tasks.sequence_classification.rows import text_columns
from distilbert.training.run_card import DataSection

MOST_TEXTS = 1000


def read_texts(data: Any, name: str, options: DataSection) -> list[str]:
    """The first texts of files or rows, at most 1,000; a row is a text or has it in a column.

    Args:
        data: names of files and data sets of the hub, or rows in Python.
        name: the argument, for errors.
        options: how files are read, and the column `text`, where rows have it.

    Raises:
        DataError: a file cannot be read, or there are no texts.
    """
    problems = Problems()
    if names_sources(data):
        rows = [
            row
            for source in sources_of(data)
            for row in islice(iter_rows(source, data=options, problems=problems), MOST_TEXTS)
        ]
    else:
        rows = rows_in_memory(data, name)
    problems.raise_or_skip(skip_bad_rows=options.skip_bad_rows)
    found = [_text(row, options.text) for row in rows[:MOST_TEXTS]]
    texts = [text for text in found if is_text(text)]
    if not texts:
        columns = ", ".join(rows[0].values) if rows else "no rows"
        raise DataError(f"`{name}` must have texts: got none in {columns}. Name the column `text`.")
    return texts


def _text(row: Row, column: str | None) -> Any:
    name = column if column in row.values else text_columns(list(row.values), pairs=False)[0]
    return row.value(name)
