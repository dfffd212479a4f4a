"""A row of a data set and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from distilbert.surrogates import without_surrogates


@dataclass(frozen=True, slots=True)
class Row:
    """Column names and values.

    `place` reads like "train.csv line 12"; `header`, for a row of a table with one, is the place
    where its columns are named. `is_text` marks a row without columns, such as a line of
    a text file: its values are {"text": ...}. Lone surrogates in the values are replaced, because
    no file with results could hold them.
    """

    values: Mapping[str, Any]
    place: str
    is_text: bool = False
    header: str | None = field(default=None, compare=False)

    def value(self, column: str | None) -> Any:
        """The value in a column; None if there is no such column. That of "" may be an index."""
        return None if column is None else self.values.get(column)

    @property
    def columns_place(self) -> str:
        """Where to look if the columns are wrong."""
        return self.header or self.place

    def __post_init__(self) -> None:
        values = without_surrogates(self.values)
        if values is not self.values:
            object.__setattr__(self, "values", values)


def text_row(text: str, place: str) -> Row:
    """A row that is a plain text."""
    return Row({"text": text}, place, is_text=True)
