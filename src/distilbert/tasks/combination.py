"""One row of logits from those of several windows of the same text, by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from distilbert.errors import InputError

Combination = Literal["mean", "max", "first"]


def check_combination(name: str) -> None:
    """Raise InputError unless `name` is a known rule."""
    if name not in get_args(Combination):
        raise InputError(f"`window_combination` must be one of mean, max, first: got {name!r}.")


def combine(rows: np.ndarray, weights: Sequence[int], rule: Combination) -> np.ndarray:
    """Combine rows (W, N) of W windows into one row (N,).

    `mean` weighs each window by the tokens it shows for the first time, so that a short last window
    counts little; `max` takes the highest value per column (any window may raise a label); `first`
    is the first window alone.
    """
    if len(rows) == 1 or rule == "first":
        return rows[0]
    if rule == "max":
        return rows.max(axis=0)
    return np.average(rows.astype(np.float64), axis=0, weights=weights)
