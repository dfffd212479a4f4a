"""Methods that several tasks share: of tasks without labels, thresholds or classes, for example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from distilbert.config import DistilBertConfig
from distilbert.tasks.collation import collate
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
    self: Any, tokenizer: Tokenizer, features: Sequence[Feature], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """The features, padded; nothing is random."""
    return collate(features, self.head)


def tuned(self: AnyTask, examples: Sequence[Any], answers: Sequence[Answer]) -> AnyTask:
    """Itself: there is no threshold."""
    return self


def losses(self: Any, examples: Sequence[Any], answers: Sequence[Answer]) -> np.ndarray:
    """The `loss` of each answer (E,)."""
    return np.array([answer["loss"] for answer in answers], dtype=np.float64)
