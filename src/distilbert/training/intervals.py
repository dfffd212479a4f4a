"""How sure a score is: bootstrap intervals of one model's scores and of two models' differences.

Examples are drawn with replacement, and scores computed anew (Efron and Tibshirani, "An
Introduction to the Bootstrap", 1993, chapters 13 and 16). Knows nothing of tasks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

import numpy as np

# Scores of all examples, or of those with the numbers (R,), which may repeat.
Scorer = Callable[[np.ndarray | None], dict[str, float]]
CONFIDENCE = 0.95


class Difference(TypedDict):
    """A score of one model minus that of another; `p_value` is two-sided."""

    difference: float
    low: float
    high: float
    p_value: float


def bootstrap(
    scorer: Scorer, n: int, *, resamples: int, seed: int, confidence: float = CONFIDENCE
) -> dict[str, tuple[float, float]]:
    """The percentile interval of each score.

    Resamples that leave a score undefined (NaN) do not count for it. Without resamples, or where
    none defines a score, it has no interval.

    Args:
        n: number of examples.
        resamples: how often to draw n examples.
    """
    drawn = _drawn([scorer], n, resamples=resamples, seed=seed)
    found = {}
    for name, values in drawn[0].items():
        defined = values[~np.isnan(values)]
        if len(defined):
            found[name] = _interval(defined, confidence)
    return found


def paired_bootstrap(
    scorer: Scorer,
    other: Scorer,
    n: int,
    *,
    resamples: int,
    seed: int,
    confidence: float = CONFIDENCE,
) -> dict[str, Difference]:
    """Each common score of `scorer` minus that of `other`, on the same draws of examples.

    The p-value is twice the share of draws on the rarer side of zero, each side counted with one
    draw more than was seen, so that it is never zero, and at most 1.
    """
    first, second = _drawn([scorer, other], n, resamples=resamples, seed=seed)
    whole, whole_other = scorer(None), other(None)
    found: dict[str, Difference] = {}
    for name, values in first.items():
        if name not in second:
            continue
        differences = values - second[name]
        differences = differences[~np.isnan(differences)]
        if not len(differences):
            continue
        low, high = _interval(differences, confidence)
        rarer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
        found[name] = {
            "difference": whole[name] - whole_other[name],
            "low": low,
            "high": high,
            "p_value": min(1.0, 2 * (rarer + 1) / (len(differences) + 1)),
        }
    return found


def _drawn(
    scorers: list[Scorer], n: int, *, resamples: int, seed: int
) -> list[dict[str, np.ndarray]]:
    """Per scorer each score of every draw, float64 (resamples,)."""
    rng = np.random.default_rng(seed)
    rows: list[list[dict[str, float]]] = [[] for _ in scorers]
    for _ in range(resamples if n else 0):
        indices = rng.integers(n, size=n)
        for row, scorer in zip(rows, scorers, strict=True):
            row.append(scorer(indices))
    return [
        {name: np.array([one.get(name, np.nan) for one in row]) for name in _names(row)}
        for row in rows
    ]


def _names(rows: list[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _interval(values: np.ndarray, confidence: float) -> tuple[float, float]:
    outside = (1 - confidence) / 2
    low, high = np.quantile(values, [outside, 1 - outside])
    return float(low), float(high)
