"""Precision, recall and thresholds from counts and scores, for every task that has them.

Counts are int64 arrays (..., 3): how many were right, predicted and true.
"""

from __future__ import annotations

import numpy as np

COUNTED = ("precision", "recall", "f1")


def count(truth: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Counts (N, 3) per label of bool arrays (E, N)."""
    return np.stack((truth & predicted, predicted, truth)).sum(axis=1).T


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """Precision, recall and F1 (..., 3); 0 where nothing is counted."""
    right, predicted, true = np.moveaxis(counts, -1, 0)
    denominators = np.stack((predicted, true, predicted + true), axis=-1)
    return np.stack((right, right, 2 * right), axis=-1) / np.maximum(denominators, 1)


def table_rows(counts: np.ndarray) -> list[dict[str, float]]:
    """Precision, recall, F1 and support (the number of true ones) of each row of counts (N, 3)."""
    return [
        {**dict(zip(COUNTED, scores.tolist(), strict=True)), "support": int(row[2])}
        for row, scores in zip(counts, precision_recall_f1(counts), strict=True)
    ]


def ranked(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The order of decreasing scores (E,), and after which of its places a threshold can be, bool.

    A threshold never separates equal scores.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.ones(len(order), dtype=bool)
    ends[:-1] = scores[order][1:] != scores[order][:-1]
    return order, ends
