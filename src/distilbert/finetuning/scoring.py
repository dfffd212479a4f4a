"""Labelled examples through a model: outputs, answers, scores. For any task and any runner."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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
    """The answers of a model to a split; `seconds` is the time of its forward passes."""

    split: Split
    answers: list[Answer]
    scores: dict[str, float]
    seconds: float


def split_of(task: Task, tokenizer: Tokenizer, name: str, examples: Sequence[Any]) -> Split:
    """A split to be scored."""
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
    """One answer per example; sequences go through the model sorted by length."""
    pairs = [(feature, ids) for feature in split.features for ids in feature.sequences]
    positions = [feature.positions for feature, _ in pairs if feature.positions is not None]
    kept = run_windows(
        runner,
        [ids for _, ids in pairs],
        lambda number, outputs: task.reduce(pairs[number][0], outputs),
        batch_tokens=batch_tokens,
        pad_id=pad_id,
        positions=positions or None,
    )
    return task.answers(split.examples, split.features, kept)
