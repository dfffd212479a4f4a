"""One training run, whatever it optimizes: batches, schedule, log, checkpoints, best model.

The trainer brings the model and the objective, the feed the batches, and `evaluate` the scores;
fine-tuning and distillation differ in these three. Knows no task and no data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbert.runner import Runner
from distilbert.training.checkpoints import Checkpoints, Progress
from distilbert.training.feed import Feed
from distilbert.training.log import open_log
from distilbert.training.run_card import OptimizationSection, TrainingCard
from distilbert.training.schedule import Schedule
from distilbert.training.session import Policies, Session, Trainer


@dataclass(frozen=True)
class Trained:
    """A finished run: its progress, the lines of its log, and the folder of the best model."""

    progress: Progress
    history: list[dict[str, Any]]
    best: Path


def train(
    trainer: Trainer,
    feed: Feed,
    card: TrainingCard,
    *,
    output: Path,
    identity: Mapping[str, Any],
    metric: str,
    higher_is_better: bool,
    evaluate: Callable[[Runner], dict[str, float]] | None,
    resume: bool = False,
    show_progress: bool = False,
    on_scores: Callable[[int, Mapping[str, float]], None] | None = None,
) -> Trained:
    """Run all updates and leave the best model among the checkpoints.

    Args:
        card: `optimization`, `evaluation` and `run` are used; the log records all of it.
        identity: what decides the result; a checkpoint with another one is not resumed.
        metric: the score of `evaluate` that chooses the best model.
        evaluate: scores on dev; None keeps the last model.
        resume: continue from the newest checkpoint in `output`, if there is one.
        on_scores: called in the main process with the updates and the scores of each evaluation.

    Raises:
        TrainingError: the loss is not finite, the disk is full, or a checkpoint is of another run.
    """
    policies = _policies(card, feed, metric=metric, higher_is_better=higher_is_better)
    checkpoints = Checkpoints(output, keep=card.run.keep_checkpoints)
    progress = Progress(identity=json.loads(json.dumps(identity)))  # as it is read from a file
    newest = checkpoints.newest() if resume else None
    is_main = trainer.processes.is_main_process
    if is_main:
        checkpoints.remove_leftovers()
    if newest is not None:
        arrays, progress = checkpoints.load(newest, progress.identity)
        trainer.restore(arrays)
    with open_log(
        output if is_main else None,
        tensorboard=card.run.tensorboard,
        trackers=card.run.trackers,
        card=card.model_dump(),
        total_steps=policies.total,
        resume_step=None if newest is None else progress.step,
        show_progress=show_progress and is_main,
    ) as log:
        session = Session(
            feed=feed,
            schedule=_schedule(card.optimization, policies.total),
            policies=policies,
            checkpoints=checkpoints,
            progress=progress,
            log=log,
            evaluate=evaluate,
            on_scores=on_scores,
        )
        session.run(trainer)
        if evaluate is None:
            session.save_best(trainer)
        return Trained(session.progress, log.history(), session.best)


def _policies(card: TrainingCard, feed: Feed, *, metric: str, higher_is_better: bool) -> Policies:
    options, evaluation, run = card.optimization, card.evaluation, card.run
    total = feed.total(options.epochs)
    if options.max_steps is not None:
        total = min(total, options.max_steps)
    every = max(1, round(evaluation.evaluate_every * feed.updates_in(0)))
    evaluate_at = frozenset([*range(every, total, every), total])
    checkpoint_at = evaluate_at
    if run.checkpoint_every is not None:
        checkpoint_at = frozenset(range(run.checkpoint_every, total, run.checkpoint_every))
    return Policies(
        total=total,
        log_every=run.log_every,
        evaluate_at=evaluate_at,
        checkpoint_at=checkpoint_at,
        patience=evaluation.patience,
        metric=metric,
        higher_is_better=higher_is_better,
    )


def _schedule(options: OptimizationSection, total: int) -> Schedule:
    return Schedule(
        peak=options.learning_rate,
        kind=options.schedule,
        total=total,
        warmup=round(options.warmup * total),
        decay=round(options.decay * total),
    )
