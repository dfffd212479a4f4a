"""Scores of values: correlations and errors. Definitions as in SciPy."""

from __future__ import annotations

import numpy as np


def pearson(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Linear correlation of two arrays (E,); 0 where either never varies."""
    a, b = truth - truth.mean(), predicted - predicted.mean()
    below = np.sqrt((a @ a) * (b @ b))
    return float((a @ b) / below) if below else 0.0


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs, (E,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return (ends - (counts - 1) / 2)[inverse]


def spearman(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Correlation of the ranks."""
    return pearson(ranks(truth), ranks(predicted))


def value_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Pearson, Spearman, their mean (GLUE's score of STS-B), and the usual errors."""
    linear, ranked = pearson(truth, predicted), spearman(truth, predicted)
    away = predicted - truth
    return {
        "pearson": linear,
        "spearman": ranked,
        "pearson_spearman": (linear + ranked) / 2,
        "rmse": float(np.sqrt((away**2).mean())),
        "mae": float(np.abs(away).mean()),
    }
