"""Percentile bootstrap intervals of scores, and of their differences between two models.

Resamples examples, never tokens or windows (Efron & Tibshirani 1993, chapters 13 and 16).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# The percentiles of a 95 % interval.
ENDS = ((1 - 0.95) / 2, (1 + 0.95) / 2)
# Maps numbers of examples (R,), which may repeat, or None for all, to scores.
Scorer = Callable[[np.ndarray | None], Mapping[str, float]]


def bootstrap(
    scorer: Scorer, n_examples: int, *, resamples: int, seed: int
) -> dict[str, tuple[float, float]]:
    """The interval of each score over the resamples in which it is finite; a score that is finite
    in none of them has no interval.
    """
    drawn = _resampled([scorer], n_examples, resamples, seed)[0]
    return {name: _interval(values) for name, values in drawn.items() if np.isfinite(values).any()}


def paired_bootstrap(
    scorer_a: Scorer,
    scorer_b: Scorer,
    n_examples: int,
    *,
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    """How the second model's scores differ from the first's, on the same resampled examples.

    Returns:
        For every score both have: `difference` (second minus first), its `interval`, and the
        two-sided `p_value`: twice the smaller fraction of resamples on one side of zero, with one
        resample added, so that it is never 0.
    """
    first, second = scorer_a(None), scorer_b(None)
    drawn_a, drawn_b = _resampled([scorer_a, scorer_b], n_examples, resamples, seed)
    found = {}
    for name in first:
        if name not in second or name not in drawn_a or name not in drawn_b:
            continue
        differences = drawn_b[name] - drawn_a[name]
        differences = differences[np.isfinite(differences)]
        if not len(differences):
            continue
        side = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
        found[name] = {
            "difference": float(second[name] - first[name]),
            "interval": _interval(differences),
            "p_value": min(1.0, 2 * (side + 1) / (len(differences) + 1)),
        }
    return found


def _resampled(
    scorers: list[Scorer], n_examples: int, resamples: int, seed: int
) -> list[dict[str, np.ndarray]]:
    """Scores by name, (R,), of each scorer; all see the same resamples."""
    rng = np.random.default_rng(seed)
    rows: list[list[Mapping[str, float]]] = [[] for _ in scorers]
    for _ in range(resamples if n_examples else 0):
        indices = rng.integers(n_examples, size=n_examples)
        for scorer, scores in zip(scorers, rows, strict=True):
            scores.append(scorer(indices))
    names = [dict.fromkeys(name for row in scores for name in row) for scores in rows]
    return [
        {name: np.array([row.get(name, math.nan) for row in scores], float) for name in known}
        for known, scores in zip(names, rows, strict=True)
    ]


def _interval(values: np.ndarray) -> tuple[float, float]:
    values = values[np.isfinite(values)]
    low, high = np.quantile(values, ENDS)
    return float(low), float(high)
