"""One row of logits from those of several windows of the same text, by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Combination = Literal["mean", "max", "first"]


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
