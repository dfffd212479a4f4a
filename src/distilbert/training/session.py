"""The course of a run: which update is next, and what happens between updates.

A session yields updates, which a framework's trainer computes, and after each one it logs,
evaluates, keeps the best model, writes checkpoints and decides when to stop. A run that was killed
is resumed with the same result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from distilbert.errors import TrainingError
from distilbert.runner import Runner
from distilbert.training.checkpoints import Checkpoints, Progress
from distilbert.training.feed import Feed, Update
from distilbert.training.log import RunLog
from distilbert.training.objective import LOSS
from distilbert.training.schedule import Schedule


class Processes(Protocol):
    """The processes that compute one run; only the main one logs, evaluates and writes."""

    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def is_main_process(self) -> bool: ...

    def broadcast(self, value: Any) -> Any:
        """The main process's value, in every process."""
        ...


class OneProcess:
    """The only process of a run."""

    rank, size, is_main_process = 0, 1, True

    def broadcast(self, value: Any) -> Any:
        """The value itself."""
        return value


class Trainer(Protocol):
    """A model in training, whichever the framework.

    Several processes all call `update`, `runner`, `state`, `restore` and `save`, in the same order.
    """

    @property
    def processes(self) -> Processes: ...

    def update(self, update: Update) -> Outcome:
        """One step of the optimizer; nothing changes if loss or gradients are not finite."""
        ...

    def close(self) -> None:
        """Leave the other processes; with several of them the model is gone afterwards."""
        ...

    def runner(self) -> Runner:
        """The model as it would be saved now, ready to evaluate; training is not affected."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """All arrays that training changes: weights, moments, running means."""
        ...

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Load what `state` returned."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model as a checkpoint folder; only the main process writes."""
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The losses of an update by name, means over its items, and the global norm of the gradients.

    `losses` holds `loss`, which is minimized, and what an objective reports besides.
    """

    losses: Mapping[str, float]
    grad_norm: float

    @property
    def loss(self) -> float:
        """The loss that is minimized."""
        return self.losses[LOSS]


@dataclass(frozen=True)
class Policies:
    """When to do what, in updates; `metric` is a key of the scores on dev."""

    total: int
    log_every: int
    evaluate_at: frozenset[int]
    checkpoint_at: frozenset[int]
    patience: int | None
    metric: str
    higher_is_better: bool


@dataclass(kw_only=True)
class Session:
    """A run from its first update, or from its newest checkpoint, to its last."""

    feed: Feed
    schedule: Schedule
    policies: Policies
    checkpoints: Checkpoints
    progress: Progress
    log: RunLog
    evaluate: Callable[[Runner], dict[str, float]] | None
    on_scores: Callable[[int, Mapping[str, float]], None] | None = None

    def __post_init__(self) -> None:
        self.begin = time.perf_counter() - self.progress.seconds

    @property
    def best(self) -> Path:
        """The folder of the best model so far; without evaluations that of the last one."""
        step = self.progress.best_step
        return self.checkpoints.best(self.progress.step if step is None else step)

    @property
    def is_stale(self) -> bool:
        """Whether as many evaluations as `patience` allows brought no better score."""
        patience = self.policies.patience
        return patience is not None and self.progress.stale >= patience

    def run(self, trainer: Trainer) -> None:
        """Compute the updates that are left, until the run stops."""
        for update in self.updates():
            if not self.done(trainer, update, trainer.update(update)):
                break

    def updates(self) -> Iterator[Update]:
        """The updates that are left."""
        if not self.is_stale:
            yield from self.feed.updates(self.progress.step, self.policies.total, self.schedule)

    def done(self, trainer: Trainer, update: Update, outcome: Outcome) -> bool:
        """Record a finished update; returns False if the run stops here.

        Raises:
            TrainingError: the loss or the gradients are not finite, and nothing was written; or
                the disk is full.
        """
        self._check_finite(update, outcome)
        self._count(update, outcome)
        step = self.progress.step
        if step in self.policies.evaluate_at and self.evaluate is not None:
            self._evaluated(trainer, update)
        ends = self.is_stale or step >= self.policies.total
        if step in self.policies.checkpoint_at or ends:
            arrays = trainer.state()
            if trainer.processes.is_main_process:
                self.checkpoints.save(arrays, self.progress)
        return not ends

    def _check_finite(self, update: Update, outcome: Outcome) -> None:
        if math.isfinite(outcome.loss) and math.isfinite(outcome.grad_norm):
            return
        newest = self.checkpoints.newest()
        kept = "No checkpoint was written yet." if newest is None else f"{newest} is kept."
        raise TrainingError(
            f"Loss and gradients must be finite numbers: got loss {outcome.loss:g}, gradient norm "
            f"{outcome.grad_norm:g} in update {update.number + 1}. {kept} Start again, with "
            f"another `output`, from a lower `learning_rate`, a longer `warmup`, or `precision = "
            f"'float32'`."
        )

    def _count(self, update: Update, outcome: Outcome) -> None:
        pending = dict(self.progress.pending)
        summed = {**outcome.losses, "grad_norm": outcome.grad_norm, "updates": 1.0}
        for name, value in summed.items():
            pending[name] = pending.get(name, 0.0) + value
        step = update.number + 1
        self.progress = self.progress.after(
            step=step,
            seconds=time.perf_counter() - self.begin,
            examples=self.progress.examples + update.n_examples,
            tokens=self.progress.tokens + update.n_tokens,
            pending=pending,
        )
        self.log.advance(step)
        if step % self.policies.log_every == 0 or step == self.policies.total:
            n = pending["updates"]
            values = {
                **{name: pending[name] / n for name in (*outcome.losses, "grad_norm")},
                "learning_rate": update.learning_rate,
                "examples": self.progress.examples,
                "tokens": self.progress.tokens,
                "seconds": self.progress.seconds,
            }
            self.log.train(step, self._epoch(update), values)
            self.progress = self.progress.after(pending={})

    def _epoch(self, update: Update) -> float:
        before = sum(self.feed.updates_in(epoch) for epoch in range(update.epoch))
        return update.epoch + (update.number + 1 - before) / self.feed.updates_in(update.epoch)

    def _evaluated(self, trainer: Trainer, update: Update) -> None:
        assert self.evaluate is not None
        processes, runner = trainer.processes, trainer.runner()
        scores = processes.broadcast(self.evaluate(runner) if processes.is_main_process else None)
        del runner
        policies, step = self.policies, self.progress.step
        score, best = scores[policies.metric], self.progress.best_score
        self.log.scores(step, self._epoch(update), "dev", scores)
        is_better = best is None or (score > best if policies.higher_is_better else score < best)
        if is_better or best != best:  # any score is better than nan
            self.save_best(trainer)
            self.progress = self.progress.after(best_score=score, best_step=step, stale=0)
        else:
            self.progress = self.progress.after(stale=self.progress.stale + 1)
        if self.on_scores is not None and processes.is_main_process:
            self.on_scores(step, scores)

    def save_best(self, trainer: Trainer) -> None:
        """Keep the model as it is now."""
        step = self.progress.step
        folder = self.checkpoints.best(step)
        try:
            if trainer.processes.is_main_process:
                folder = self.checkpoints.new_best(step)
            trainer.save(folder)
        except OSError as error:
            raise self.checkpoints.out_of_space(error) from error
