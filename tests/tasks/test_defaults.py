"""Shared methods work for any task."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from distilbert.config import DistilBertConfig
from distilbert.tasks import defaults
from distilbert.tasks.task import Feature

TASK: Any = SimpleNamespace(head="sequence_classification")


def test_tasks_without_labels_and_thresholds_stay_as_they_are() -> None:
    assert defaults.with_config(TASK, DistilBertConfig()) is TASK
    assert defaults.tuned(TASK, [], []) is TASK
    assert defaults.config_changes(TASK) == {}
    assert defaults.class_weights(TASK, []) is None


def test_losses_are_those_of_the_answers() -> None:
    assert defaults.losses(TASK, [], [{"loss": 1.0}, {"loss": 2.0}]).tolist() == [1.0, 2.0]


def test_a_batch_is_padded_as_the_head_needs_it() -> None:
    features = [Feature((np.arange(n),), {"labels": 1}, 0) for n in (1, 3)]
    tokenizer: Any = None
    batch = defaults.batch(TASK, tokenizer, features, ())
    assert batch["attention_mask"].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert batch["labels"].tolist() == [1, 1]
