"""A row of a data set and where it came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """Column names and values; `place` reads like "train.csv line 12"."""

    values: Mapping[str, Any]
    place: str
