"""Precision, recall and F1 of entities as `seqeval` 1.2.2 computes them, and of bare tags.

Everything is a sum of counts per sentence, so a resample costs one addition.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.tasks.metrics import COUNTED, precision_recall_f1, table_rows
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

    def entities(tags: Sequence[str]) -> Iterable[tuple[str, Hashable]]:
        found = lenient_entities(tags) if scheme is None else strict_entities(tags, scheme)
        return ((kind, (first, last)) for kind, first, last in found)

    return _count([[set(entities(tags)) for tags in pair] for pair in _pairs(truth, predicted)])


def count_tags(truth: Tags, predicted: Tags) -> Counts:
    """Counts of words per tag."""
    pairs = _pairs(truth, predicted)
    return _count([[{(tag, i) for i, tag in enumerate(tags)} for tags in pair] for pair in pairs])


def _pairs(truth: Tags, predicted: Tags) -> Iterable[tuple[Sequence[str], Sequence[str]]]:
    return zip(truth, predicted, strict=True)


def _count(pairs: Sequence[Sequence[set[tuple[str, Hashable]]]]) -> Counts:
    """Counts of (type, place) from the true and the predicted ones of each sentence."""
    types = tuple(sorted({kind for pair in pairs for found in pair for kind, _ in found}))
    number = {kind: i for i, kind in enumerate(types)}
    counts = np.zeros((len(pairs), len(types), 3), dtype=np.int64)
    for row, (true, predicted) in zip(counts, pairs, strict=True):
        for column, found in enumerate((true & predicted, predicted, true)):
            for kind, _ in found:
                row[number[kind], column] += 1
    return Counts(types, counts)


def averages(counts: np.ndarray) -> dict[str, float]:
    """Micro, macro and weighted scores of counts (N, 3).

    Macro is over the types that occur, in truth or prediction; weighted is by true ones.
    """
    occurring = counts[counts[:, 1:].any(axis=1)]
    scores, n_true = precision_recall_f1(occurring), occurring[:, 2]
    named = {
        "": precision_recall_f1(counts.sum(axis=0)),
        "_macro": scores.mean(axis=0) if len(occurring) else np.zeros(3),
        "_weighted": np.average(scores, axis=0, weights=n_true) if n_true.any() else np.zeros(3),
    }
    return {
        f"{score}{suffix}": float(value)
        for suffix, values in named.items()
        for score, value in zip(COUNTED, values, strict=True)
    }


def per_type(counts: Counts) -> dict[str, dict[str, float]]:
    """Precision, recall, F1, support (true ones) and the number predicted of each type."""
    total = counts.total()
    rows = zip(counts.types, table_rows(total), total[:, 1].tolist(), strict=True)
    return {kind: {**row, "predicted": predicted} for kind, row, predicted in rows}
