"""Precision, recall and F1 of entities as `seqeval` 1.2.2 computes them, and of bare tags.

Everything is a sum of counts per sentence, so a resample costs one addition.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.tasks.token_classification.entities import lenient_entities, strict_entities

Tags = Sequence[Sequence[str]]


@dataclass(frozen=True)
class Counts:
    """For each sentence and type: right, predicted and true ones, int64 (E, N, 3)."""

    types: tuple[str, ...]
    per_sentence: np.ndarray

    def total(self, indices: np.ndarray | None = None) -> np.ndarray:
        """Sums (N, 3) over all sentences, or over those of a resample."""
        if indices is None:
            return self.per_sentence.sum(axis=0)
        times = np.bincount(indices, minlength=len(self.per_sentence))
        return np.tensordot(times, self.per_sentence, axes=1)


def count_entities(truth: Tags, predicted: Tags, *, scheme: str | None = None) -> Counts:
    """Counts of entities that agree in type, first and last word.

    `scheme` None reads leniently; a key of `entities.SCHEMES` reads strictly.

    Raises:
        InputError: a tag does not belong to the scheme.
    """

    def entities(tags: Sequence[str]) -> set[tuple[str, int, int]]:
        return set(lenient_entities(tags) if scheme is None else strict_entities(tags, scheme))

    pairs = [(entities(true), entities(said)) for true, said in zip(truth, predicted, strict=True)]
    types = tuple(sorted({kind for both in pairs for found in both for kind, *_ in found}))
    number = {kind: i for i, kind in enumerate(types)}
    counts = np.zeros((len(pairs), len(types), 3), dtype=np.int64)
    for row, (true, said) in zip(counts, pairs, strict=True):
        for column, found in enumerate((true & said, said, true)):
            for kind, *_ in found:
                row[number[kind], column] += 1
    return Counts(types, counts)


def count_tags(truth: Tags, predicted: Tags) -> Counts:
    """Counts of words per tag."""
    types = tuple(sorted({tag for tags in (*truth, *predicted) for tag in tags}))
    number = {tag: i for i, tag in enumerate(types)}
    counts = np.zeros((len(truth), len(types), 3), dtype=np.int64)
    for row, true, said in zip(counts, truth, predicted, strict=True):
        for a, b in zip(true, said, strict=True):
            row[number[a], 2] += 1
            row[number[b], 1] += 1
            row[number[a], 0] += a == b
    return Counts(types, counts)


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """From counts (..., 3) to precision, recall and F1 (..., 3); 0 where nothing is counted."""
    right, said, true = np.moveaxis(counts.astype(np.float64), -1, 0)
    precision = np.divide(right, said, out=np.zeros_like(right), where=said > 0)
    recall = np.divide(right, true, out=np.zeros_like(right), where=true > 0)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return np.stack((precision, recall, f1), axis=-1)


def averages(counts: np.ndarray) -> dict[str, float]:
    """Micro, macro and weighted scores of counts (N, 3).

    Macro is over the types that occur, in truth or prediction; weighted is by true ones.
    """
    micro = precision_recall_f1(counts.sum(axis=0))
    occurring = counts[(counts[:, 1:] > 0).any(axis=1)]
    scores = precision_recall_f1(occurring)
    macro = weighted = np.zeros(3)
    if len(occurring):
        macro = scores.mean(axis=0)
    if occurring[:, 2].sum() > 0:
        weighted = np.average(scores, axis=0, weights=occurring[:, 2])
    named = {"": micro, "_macro": macro, "_weighted": weighted}
    return {
        f"{score}{suffix}": float(values[i])
        for suffix, values in named.items()
        for i, score in enumerate(("precision", "recall", "f1"))
    }


def per_type(counts: Counts) -> dict[str, dict[str, float]]:
    """Precision, recall, F1, support (true ones) and the number predicted of each type."""
    total = counts.total()
    return {
        kind: {
            "precision": float(precision),
            "recall": float(recall),
            "f1": float(f1),
            "support": int(row[2]),
            "predicted": int(row[1]),
        }
        for kind, row, (precision, recall, f1) in zip(
            counts.types, total, precision_recall_f1(total), strict=True
        )
    }
