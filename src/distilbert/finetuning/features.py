"""Training features in a few flat arrays, made a few thousand examples at a time.

A data set is tokenized in chunks and kept as numbers, since an object per feature and array would
take many times the memory of the ids. A feature is built when a batch needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from distilbert.errors import DataError
from distilbert.tasks.task import Feature, Task
from distilbert.tasks.windows import Tokenizer

# Examples that are tokenized together.
CHUNK = 4096
DETAIL = "detail"


@dataclass(frozen=True)
class PackedFeatures:
    """Features of a training set.

    Args:
        ids: token ids of all sequences, one after the other (T,).
        lengths: tokens of each sequence (Q,).
        counts: sequences of each feature (F,).
        per_feature: name of a label -> its value for each feature (F, ...).
        per_token: name of a label, or `DETAIL` -> its value for each token (T,).
        seconds: where the second text of each sequence begins; its length if it has none (Q,).
    """

    ids: np.ndarray
    lengths: np.ndarray
    counts: np.ndarray
    per_feature: dict[str, np.ndarray]
    per_token: dict[str, np.ndarray]
    seconds: np.ndarray

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def first_sequences(self) -> np.ndarray:
        """The first sequence of each feature, and their number (F + 1,)."""
        return np.concatenate(([0], np.cumsum(self.counts)))

    @cached_property
    def first_tokens(self) -> np.ndarray:
        """Where each sequence begins in `ids`, and the length of `ids` (Q + 1,)."""
        return np.concatenate(([0], np.cumsum(self.lengths)))

    @property
    def n_tokens(self) -> np.ndarray:
        """Tokens of each feature, int64 (F,)."""
        return np.diff(self.first_tokens[self.first_sequences])

    def __getitem__(self, number: int) -> Feature:
        """A feature as the task made it, without details that only evaluation needs."""
        sequences = slice(self.first_sequences[number], self.first_sequences[number + 1])
        bounds = self.first_tokens[sequences.start : sequences.stop + 1]
        values = {
            name: array[bounds[0] : bounds[-1]].astype(np.int64)
            for name, array in self.per_token.items()
        }
        detail = values.pop(DETAIL, None)
        ids = self.ids[bounds[0] : bounds[-1]].astype(np.int64)
        return Feature(
            sequences=tuple(np.split(ids, bounds[1:-1] - bounds[0])),
            labels={**values, **{name: array[number] for name, array in self.per_feature.items()}},
            example=number,
            detail=detail,
            seconds=tuple(self.seconds[sequences].tolist()),
        )


def pack_features(task: Task, tokenizer: Tokenizer, examples: Sequence[Any]) -> PackedFeatures:
    """The training features of all examples.

    Raises:
        DataError: no example has a token to learn from.
    """
    # Joined texts continue from one window to the next, so their chunks would not be the same.
    size = max(1, len(examples)) if getattr(task, "join_texts", False) else CHUNK
    chunks = []
    for start in range(0, len(examples), size):
        features = task.features(tokenizer, examples[start : start + size], training=True)
        if features:
            chunks.append(_packed(features))
    if not chunks:
        raise DataError("Training rows must have at least one token to learn from: got none.")
    return _joined(chunks)


def _packed(features: Sequence[Feature]) -> PackedFeatures:
    columns = {name: [one.labels[name] for one in features] for name in features[0].labels}
    if isinstance(features[0].detail, np.ndarray):
        columns[DETAIL] = [feature.detail for feature in features]
    rows = [ids for feature in features for ids in feature.sequences]
    ids = np.concatenate(rows)
    per_token = {
        name: np.concatenate(values).astype(np.int32)
        for name, values in columns.items()
        if isinstance(values[0], np.ndarray) and values[0].dtype.kind == "i"
    }
    return PackedFeatures(
        ids=ids.astype(np.uint16 if ids.max() < 2**16 else np.int32),
        lengths=np.array([len(row) for row in rows], np.int32),
        counts=np.array([len(feature.sequences) for feature in features], np.int32),
        per_feature={n: np.array(values) for n, values in columns.items() if n not in per_token},
        per_token=per_token,
        seconds=np.concatenate([_seconds(feature) for feature in features]).astype(np.int32),
    )


def _seconds(feature: Feature) -> Sequence[int]:
    return feature.seconds or [len(ids) for ids in feature.sequences]


def _joined(chunks: Sequence[PackedFeatures]) -> PackedFeatures:
    first = chunks[0]
    return PackedFeatures(
        ids=np.concatenate([chunk.ids for chunk in chunks]),
        lengths=np.concatenate([chunk.lengths for chunk in chunks]),
        counts=np.concatenate([chunk.counts for chunk in chunks]),
        per_feature={
            name: np.concatenate([chunk.per_feature[name] for chunk in chunks])
            for name in first.per_feature
        },
        per_token={
            name: np.concatenate([chunk.per_token[name] for chunk in chunks])
            for name in first.per_token
        },
        seconds=np.concatenate([chunk.seconds for chunk in chunks]),
    )
