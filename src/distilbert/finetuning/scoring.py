"""Labelled examples through a model: outputs, answers, scores. Any task, any runtime."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbert.batching import run_windows
from distilbert.runner import Runner
from distilbert.tasks.task import Answer, Feature, Task
from distilbert.tasks.windows import Tokenizer


@dataclass(frozen=True)
class Split:
    """The examples of one part of a data set as features."""

    name: str
    examples: Sequence[Any]
    features: Sequence[Feature]


@dataclass(frozen=True)
class Evaluated:
    """What a model made of a split; `seconds` is the time its forward passes took."""

    split: Split
    answers: list[Answer]
    scores: dict[str, float]
    seconds: float


def split_of(task: Task, tokenizer: Tokenizer, name: str, examples: Sequence[Any]) -> Split:
    """A split that is to be scored."""
    return Split(name, examples, task.features(tokenizer, examples, training=False))


def evaluated(
    task: Task,
    runner: Runner,
    split: Split,
    *,
    batch_tokens: int | None = None,
    pad_id: int = 0,
) -> Evaluated:
    """Answers to all examples of a split, their scores, and the mean loss as the score `loss`."""
    begin = time.perf_counter()
    answers = answered(task, runner, split, batch_tokens=batch_tokens, pad_id=pad_id)
    seconds = time.perf_counter() - begin
    return Evaluated(split, answers, scores_of(task, split, answers), seconds)


def scores_of(task: Task, split: Split, answers: Sequence[Answer]) -> dict[str, float]:
    """The task's scores, with the mean loss."""
    losses = task.losses(split.examples, answers)
    scores = task.scorer(split.examples, answers)()
    return {"loss": float(losses.mean()) if len(losses) else float("nan"), **scores}


def answered(
    task: Task, runner: Runner, split: Split, *, batch_tokens: int | None = None, pad_id: int = 0
) -> list[Answer]:
    """One answer per example; windows go through the model sorted by length."""
    features = split.features
    windows = [ids for feature in features for ids in feature.sequences]

    def keep(number: int, outputs: Mapping[str, np.ndarray]) -> Any:
        return task.reduce(features[number], outputs)

    if runner.head == "multiple_choice":
        logits = run_windows(
            runner, windows, _logits, batch_tokens=batch_tokens, pad_id=pad_id
        )  # one row per choice
        starts = np.cumsum([0, *(len(feature.sequences) for feature in features)])
        kept = [
            task.reduce(feature, {"logits": np.concatenate(logits[start:stop])})
            for feature, start, stop in zip(features, starts[:-1], starts[1:], strict=True)
        ]
    else:
        kept = run_windows(runner, windows, keep, batch_tokens=batch_tokens, pad_id=pad_id)
    return task.answers(split.examples, features, kept)


def _logits(_number: int, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
    return outputs["logits"].copy()
