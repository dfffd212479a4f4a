"""Methods that several tasks share: of tasks without labels, thresholds or classes, for example."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from distilbert.batching import pad_sequences, padded_batch
from distilbert.config import DistilBertConfig
from distilbert.heads import HEADS, IGNORED_LABEL
from distilbert.tasks.task import Answer, Feature
from distilbert.tasks.windows import Tokenizer

AnyTask = TypeVar("AnyTask")


def with_config(self: AnyTask, config: DistilBertConfig) -> AnyTask:
    """Itself: the task takes nothing from a config."""
    return self


def config_changes(self: Any) -> dict[str, Any]:
    """None: the task decides no field of a config."""
    return {}


def class_weights(self: Any, examples: Sequence[Any]) -> None:
    """None: there are no classes to balance."""


def batch(
    self: Any,
    tokenizer: Tokenizer,
    features: Sequence[Feature],
    rngs: Iterable[np.random.Generator],
) -> dict[str, np.ndarray]:
    """The features, padded; nothing is random."""
    return collate(features, self.head)


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


def tuned(self: AnyTask, examples: Sequence[Any], answers: Sequence[Answer]) -> AnyTask:
    """Itself: there is no threshold."""
    return self


def decided(self: Any, answers: Sequence[Answer]) -> list[Answer]:
    """The answers as they are: there is no threshold."""
    return list(answers)


def losses(self: Any, examples: Sequence[Any], answers: Sequence[Answer]) -> np.ndarray:
    """The `loss` of each answer (E,)."""
    return np.array([answer["loss"] for answer in answers], dtype=np.float64)
