"""A row of a data set and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distilbert.surrogates import without_surrogates


@dataclass(frozen=True, slots=True)
class Row:
    """Column names and values.

    `place` reads like "train.csv line 12". `is_text` marks a row without columns, such as a line of
    a text file: its values are {"text": ...}. Lone surrogates in the values are replaced, because
    no file with results could hold them.
    """

    values: Mapping[str, Any]
    place: str
    is_text: bool = False

    def __post_init__(self) -> None:
        values = without_surrogates(self.values)
        if values is not self.values:
            object.__setattr__(self, "values", values)


def text_row(text: str, place: str) -> Row:
    """A row that is a plain text."""
    return Row({"text": text}, place, is_text=True)
