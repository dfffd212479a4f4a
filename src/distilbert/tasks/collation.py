"""Features of one task to padded arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from distilbert.heads import IGNORED_LABEL
from distilbert.tasks.task import Feature


def collate(
    features: Sequence[Feature], *, pad_id: int, per_token: bool = False, choices: bool = False
) -> dict[str, np.ndarray]:
    """`input_ids`, `attention_mask` and labels of a batch.

    Args:
        per_token: labels are one integer per token, padded with -100.
        choices: sequences keep a choice axis: (B, C, S) instead of (B, S).
    """
    rows = [ids for feature in features for ids in feature.sequences]
    lengths = np.array([len(ids) for ids in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]  # (B * C, S)
    input_ids = np.full(mask.shape, pad_id, dtype=np.int64)
    input_ids[mask] = np.concatenate(rows)
    batch = {"input_ids": input_ids, "attention_mask": mask.astype(np.int64)}
    if choices:
        batch = {
            name: array.reshape(len(features), -1, array.shape[-1]) for name, array in batch.items()
        }
    for name in features[0].labels:
        values = [feature.labels[name] for feature in features]
        batch[name] = _per_token(values, mask) if per_token else _per_sequence(values)
    return batch


def _per_sequence(values: Sequence[Any]) -> np.ndarray:
    array = np.array(values)
    return array.astype(np.float32 if array.dtype.kind == "f" else np.int64)


def _per_token(values: Sequence[np.ndarray], mask: np.ndarray) -> np.ndarray:
    labels = np.full(mask.shape, IGNORED_LABEL, dtype=np.int64)
    labels[mask] = np.concatenate(values)
    return labels
