"""Features of one task to padded arrays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from distilbert.batching import pad_sequences, padded_batch
from distilbert.heads import HEADS, IGNORED_LABEL
from distilbert.tasks.task import Feature


def collate(features: Sequence[Feature], head: str) -> dict[str, np.ndarray]:
    """`input_ids`, `attention_mask` and labels of a training batch.

    `head`, a key of `HEADS`, decides whether sequences keep an axis of choices, (B, C, S) instead
    of (B, S), and whether labels are one integer per token, padded with -100.
    """
    batch = padded_batch([ids for feature in features for ids in feature.sequences])
    length = batch["input_ids"].shape[-1]
    if HEADS[head].input_axes == ("B", "C", "S"):
        batch = {name: rows.reshape(len(features), -1, length) for name, rows in batch.items()}
    for name in features[0].labels:
        values = [feature.labels[name] for feature in features]
        if HEADS[head].labels_per_token:
            batch[name] = pad_sequences(values, IGNORED_LABEL, length=length)
        else:
            labels = np.array(values)
            batch[name] = labels.astype(np.float32 if labels.dtype.kind == "f" else np.int64)
    return batch
