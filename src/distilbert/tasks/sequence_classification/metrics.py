"""Scores of classes (one per example, or several) and of values.

Definitions are those of scikit-learn and SciPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from distilbert.tasks.metrics import count, precision_recall_f1, ranked, table_rows

N_BINS = 10


def confusion(truth: np.ndarray, predicted: np.ndarray, n_labels: int) -> np.ndarray:
    """How often label i was called j, int64 (N, N), from label numbers (E,)."""
    pairs = truth * n_labels + predicted
    return np.bincount(pairs, minlength=n_labels**2).reshape(n_labels, n_labels)


def confusion_counts(matrix: np.ndarray) -> np.ndarray:
    """Right, predicted and true ones of each label (N, 3) from a confusion matrix (N, N)."""
    return np.stack((np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)), axis=1)


def matthews(matrix: np.ndarray) -> float:
    """Matthews' correlation from a confusion matrix (N, N), 0 where either side never varies."""
    hits, total = np.trace(matrix), matrix.sum()
    true, predicted = matrix.sum(axis=1).astype(float), matrix.sum(axis=0).astype(float)
    above = hits * total - true @ predicted
    below = np.sqrt(float(total) ** 2 - predicted @ predicted)
    below *= np.sqrt(float(total) ** 2 - true @ true)
    return float(above / below) if below else 0.0


def class_scores(matrix: np.ndarray, *, positive: int | None) -> dict[str, float]:
    """Accuracy, Matthews, and F1: the mean over labels that occur, and that of `positive`."""
    counts = confusion_counts(matrix)
    occurs = counts[:, 1:].any(axis=1)
    f1 = precision_recall_f1(counts)[:, 2]
    scores = {
        "accuracy": float(np.trace(matrix) / max(1, matrix.sum())),
        "f1_macro": float(f1[occurs].mean()) if occurs.any() else 0.0,
        "matthews": matthews(matrix),
    }
    if positive is not None:
        scores["f1"] = float(f1[positive])
    return scores


def label_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Scores of several labels at once from bool arrays (E, N).

    F1 over all decisions (`f1_micro`), as the mean over labels (`f1_macro`), and the fraction of
    examples with exactly the right labels (`exact`).
    """
    counts = count(truth, predicted)
    return {
        "f1_micro": float(precision_recall_f1(counts.sum(axis=0))[2]),
        "f1_macro": float(precision_recall_f1(counts)[:, 2].mean()),
        "exact": float((truth == predicted).all(axis=1).mean()) if len(truth) else 0.0,
    }


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """The area under precision over recall for one label: bool and float (E,); 0 without truth."""
    if not truth.any():
        return 0.0
    order, ends = ranked(scores)
    hits = np.cumsum(truth[order])[ends]
    precision = hits / (np.flatnonzero(ends) + 1)
    return float((precision * np.diff(hits, prepend=0)).sum() / truth.sum())


def best_threshold(truth: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """The threshold with the highest F1 over all decisions, and that F1.

    Args:
        truth: bool, any shape.
        scores: probabilities of the same shape; decisions are `scores >= threshold`.

    Returns:
        The threshold is halfway to the next lower score.
    """
    order, ends = ranked(scores.ravel())
    falling = scores.ravel()[order].astype(np.float64)
    hits = np.cumsum(truth.ravel()[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + max(1, truth.sum()))
    best = int(np.where(ends, f1, -1.0).argmax())
    below = falling[best + 1] if best + 1 < len(falling) else 0.0
    return float((falling[best] + below) / 2), float(f1[best])


def per_label(names: tuple[str, ...], counts: np.ndarray) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each label, from counts (N, 3), as rows of a table."""
    rows = zip(names, table_rows(counts), strict=True)
    return [{"label": name, **row} for name, row in rows]


def calibration(confidence: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """How often a decision of a given confidence is right, in ten bins of equal width.

    Args:
        confidence: probabilities of the decisions (E,).
        right: whether the decisions are true, bool (E,).

    Returns:
        `bins` with `confidence`, `accuracy`, `n`; and `error`, the expected calibration error:
        the mean distance of the two, weighted by n (Guo et al. 2017).
    """
    number = np.minimum((confidence * N_BINS).astype(int), N_BINS - 1)
    n = np.bincount(number, minlength=N_BINS)
    mean = np.bincount(number, confidence, minlength=N_BINS) / np.maximum(n, 1)
    accuracy = np.bincount(number, right, minlength=N_BINS) / np.maximum(n, 1)
    return {
        "bins": [
            {"confidence": float(mean[i]), "accuracy": float(accuracy[i]), "n": int(n[i])}
            for i in range(N_BINS)
            if n[i]
        ],
        "error": float((np.abs(mean - accuracy) * n).sum() / max(1, n.sum())),
    }


def pearson(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Linear correlation of two arrays (E,); 0 where either never varies."""
    a, b = truth - truth.mean(), predicted - predicted.mean()
    below = np.sqrt((a @ a) * (b @ b))
    return float((a @ b) / below) if below else 0.0


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of theirs, (E,)."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[inverse]


def value_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Pearson, Spearman, their mean (GLUE's score of STS-B), and the usual errors."""
    linear, monotonic = pearson(truth, predicted), pearson(ranks(truth), ranks(predicted))
    errors = predicted - truth
    return {
        "pearson": linear,
        "spearman": monotonic,
        "pearson_spearman": (linear + monotonic) / 2,
        "rmse": float(np.sqrt((errors**2).mean())),
        "mae": float(np.abs(errors).mean()),
    }
