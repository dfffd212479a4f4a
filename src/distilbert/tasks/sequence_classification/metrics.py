"""Scores of classes: one label per example, or several at once. Definitions as in scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np

N_BINS = 10


def confusion(truth: np.ndarray, predicted: np.ndarray, n_labels: int) -> np.ndarray:
    """How often label i was called j, int64 (N, N), from label numbers (E,)."""
    pairs = truth * n_labels + predicted
    return np.bincount(pairs, minlength=n_labels**2).reshape(n_labels, n_labels)


def precision_recall_f1(
    hits: np.ndarray, predicted: np.ndarray, true: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Elementwise from counts; what has no denominator is 0."""
    precision = hits / np.maximum(predicted, 1)
    recall = hits / np.maximum(true, 1)
    return precision, recall, 2 * hits / np.maximum(predicted + true, 1)


def matthews(counts: np.ndarray) -> float:
    """Matthews' correlation from a confusion matrix (N, N), 0 where either side never varies."""
    hits, total = np.trace(counts), counts.sum()
    true, predicted = counts.sum(axis=1).astype(float), counts.sum(axis=0).astype(float)
    above = hits * total - true @ predicted
    below = np.sqrt(float(total) ** 2 - predicted @ predicted)
    below *= np.sqrt(float(total) ** 2 - true @ true)
    return float(above / below) if below else 0.0


def class_scores(counts: np.ndarray, *, positive: int | None) -> dict[str, float]:
    """Accuracy, Matthews, and F1: the mean over labels that occur, and that of `positive`."""
    hits, predicted, true = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    occurs = (predicted + true) > 0
    _, _, f1 = precision_recall_f1(hits, predicted, true)
    scores = {
        "accuracy": float(hits.sum() / max(1, counts.sum())),
        "f1_macro": float(f1[occurs].mean()) if occurs.any() else 0.0,
        "matthews": matthews(counts),
    }
    if positive is not None:
        scores["f1"] = float(f1[positive])
    return scores


def label_scores(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Scores of several labels at once from bool arrays (E, N).

    F1 over all decisions (`f1_micro`), as the mean over labels (`f1_macro`), and the share of
    examples with exactly the right labels (`exact`).
    """
    hits = (truth & predicted).sum(axis=0)
    said, true = predicted.sum(axis=0), truth.sum(axis=0)
    _, _, f1 = precision_recall_f1(hits, said, true)
    micro = 2 * hits.sum() / max(1, said.sum() + true.sum())
    return {
        "f1_micro": float(micro),
        "f1_macro": float(f1.mean()),
        "exact": float((truth == predicted).all(axis=1).mean()) if len(truth) else 0.0,
    }


def average_precision(truth: np.ndarray, scores: np.ndarray) -> float:
    """The area under precision over recall for one label: bool and float (E,); 0 without truth."""
    if not truth.any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(truth[order])
    last = np.append(np.diff(scores[order]) != 0, True)  # equal scores stand or fall together
    precision = hits[last] / (np.flatnonzero(last) + 1)
    gained = np.diff(hits[last], prepend=0)
    return float((precision * gained).sum() / truth.sum())


def best_threshold(truth: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
    """The threshold with the highest F1 over all decisions, and that F1.

    Args:
        truth: bool, any shape.
        scores: probabilities of the same shape; decisions are `scores >= threshold`.

    Returns:
        The threshold lies half way to the next lower score, so that equal values fall together.
    """
    flat, right = scores.ravel(), truth.ravel()
    order = np.argsort(-flat, kind="stable")
    ranked = flat[order].astype(np.float64)
    f1 = 2 * np.cumsum(right[order]) / (np.arange(1, len(flat) + 1) + max(1, right.sum()))
    last = np.append(np.diff(ranked) != 0, True)
    f1 = np.where(last, f1, -1.0)
    best = int(f1.argmax())
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2), float(f1[best])


def per_label(
    names: tuple[str, ...], hits: np.ndarray, predicted: np.ndarray, true: np.ndarray
) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of each label, as rows of a table."""
    columns = zip(names, *precision_recall_f1(hits, predicted, true), true, strict=True)
    return [
        {
            "label": name,
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "support": int(support),
        }
        for name, precision, recall, f1, support in columns
    ]


def calibration(confidence: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """How often a decision of a given confidence is right, in ten bins of equal width.

    Args:
        confidence: probabilities of the decisions (E,); `right`: whether they are true.

    Returns:
        `bins` with `confidence`, `accuracy`, `n`; and `error`, the expected calibration error:
        the mean distance of the two, weighed by n (Guo et al. 2017).
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
