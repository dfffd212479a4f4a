"""The course of a run with a stand-in for the model: a counter that remembers its updates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import Killed, killed_after

from distilbert.checkpoint.atomic import atomic_folder
from distilbert.errors import TrainingError
from distilbert.training.checkpoints import Checkpoints, Progress
from distilbert.training.feed import Feed, Update
from distilbert.training.schedule import Schedule
from distilbert.training.session import OneProcess, Outcome, Policies, Session


class Counter:
    """A trainer whose only weight counts its updates."""

    processes = OneProcess()

    def __init__(self, scores: Sequence[float] = ()) -> None:
        self.weight = 0
        self.scores = iter(scores)
        self.saved: list[int] = []

    def runner(self) -> Any:
        return self

    def state(self) -> dict[str, np.ndarray]:
        return {"weights.n": np.array([self.weight], dtype=np.int64)}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.weight = int(arrays["weights.n"][0])

    def save(self, folder: Path) -> None:
        self.saved.append(self.weight)
        with atomic_folder(folder) as staging:
            (staging / "weight").write_text(str(self.weight))


class Log:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[tuple[Any, ...]] = []

    def train(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        self.lines.append(("train", step, round(epoch, 6), round(values["loss"], 6)))

    def scores(self, step: int, epoch: float, split: str, scores: Mapping[str, float]) -> None:
        self.lines.append((split, step, round(epoch, 6), scores["f1"]))

    def advance(self, step: int) -> None:
        pass


RUN = {"seed": 1}
POLICIES = Policies(
    total=8,
    log_every=3,
    evaluate_at=frozenset({2, 4, 6, 8}),
    checkpoint_at=frozenset({3, 6}),
    patience=None,
    metric="f1",
    higher_is_better=True,
)


def session(
    folder: Path, log: Log, policies: Policies = POLICIES, progress: Progress | None = None
) -> Session:
    feed = Feed(
        lengths=np.full(16, 2),
        make=lambda numbers, _: {"attention_mask": np.ones((len(numbers), 2), np.int64)},
        count=lambda batch: {"items": len(batch["attention_mask"])},
        seed=0,
        batch_size=4,
    )
    return Session(
        feed=feed,
        schedule=Schedule(peak=1.0, kind="constant", total=8, warmup=0),
        policies=policies,
        checkpoints=Checkpoints(folder, keep=2),
        progress=progress or Progress(RUN),
        log=log,
        evaluate=lambda runner: {"f1": next(runner.scores)},  # pyright: ignore
    )


def run(course: Session, trainer: Counter, *, die_at: int | None = None) -> None:
    updates: Iterator[Update] = course.updates()
    for update in updates:
        trainer.weight += 1
        if die_at == trainer.weight:
            return
        if not course.done(trainer, update, Outcome({"loss": float(update.number)}, 1.0)):
            return


def test_a_run_logs_evaluates_and_keeps_the_best(tmp_path: Path) -> None:
    log, trainer = Log(), Counter([0.5, 0.7, 0.6, 0.7])
    course = session(tmp_path, log)
    run(course, trainer)
    assert log.lines == [
        ("dev", 2, 0.5, 0.5),
        ("train", 3, 0.75, 1.0),
        ("dev", 4, 1.0, 0.7),
        ("train", 6, 1.5, 4.0),
        ("dev", 6, 1.5, 0.6),
        ("train", 8, 2.0, 6.5),
        ("dev", 8, 2.0, 0.7),
    ]
    assert trainer.saved == [2, 4]
    assert (course.progress.best_score, course.progress.best_step) == (0.7, 4)
    assert (course.progress.examples, course.progress.tokens) == (32, 64)


def test_lower_can_be_better(tmp_path: Path) -> None:
    trainer = Counter([3.0, 2.0, 2.5, 1.0])
    run(session(tmp_path, Log(), replace(POLICIES, higher_is_better=False)), trainer)
    assert trainer.saved == [2, 4, 8]


def test_nan_is_never_the_best_for_long(tmp_path: Path) -> None:
    trainer = Counter([float("nan"), 0.1, 0.0, 0.0])
    run(session(tmp_path, Log()), trainer)
    assert trainer.saved == [2, 4]


@pytest.mark.parametrize("die_at", range(1, 9))
def test_a_killed_run_goes_on_as_if_nothing_had_happened(tmp_path: Path, die_at: int) -> None:
    scores = [0.5, 0.7, 0.6, 0.9]
    whole_log, whole = Log(), Counter(scores)
    uninterrupted = session(tmp_path / "whole", whole_log)
    run(uninterrupted, whole)

    store = Checkpoints(tmp_path / "cut", keep=2)
    run(session(tmp_path / "cut", Log()), Counter(scores), die_at=die_at)
    progress, trainer, newest = Progress(RUN), Counter(scores), store.newest()
    if newest is not None:
        arrays, progress = store.load(newest, RUN)
        trainer = Counter(scores[progress.step // 2 :])
        trainer.restore(arrays)
    log = Log()
    resumed = session(tmp_path / "cut", log, progress=progress)
    run(resumed, trainer)
    assert trainer.weight == whole.weight
    assert log.lines == [line for line in whole_log.lines if line[1] > progress.step]
    assert replace(resumed.progress, seconds=0) == replace(uninterrupted.progress, seconds=0)


def test_patience_ends_a_run_and_a_resumed_one_stays_ended(tmp_path: Path) -> None:
    policies = replace(POLICIES, patience=2)
    trainer = Counter([0.9, 0.8, 0.9])
    course = session(tmp_path, Log(), policies)
    run(course, trainer)
    assert course.progress.step == trainer.weight == 6
    _, progress = Checkpoints(tmp_path, keep=2).load(
        tmp_path / "checkpoints" / "step-00000006", RUN
    )
    assert list(session(tmp_path, Log(), policies, progress).updates()) == []


@pytest.mark.parametrize(
    "outcome", [Outcome({"loss": float("nan")}, 1.0), Outcome({"loss": 1.0}, float("inf"))]
)
def test_numbers_that_are_not_finite_end_a_run_with_its_last_checkpoint(
    tmp_path: Path, outcome: Outcome
) -> None:
    course = session(tmp_path, Log())
    trainer = Counter([0.5, 0.6])
    updates = course.updates()
    for _ in range(4):
        course.done(trainer, next(updates), Outcome({"loss": 1.0}, 1.0))
    with pytest.raises(TrainingError, match=r"update 5\. .*step-00000003 is kept"):
        course.done(trainer, next(updates), outcome)


def test_scores_are_passed_on_once_the_best_model_is_kept(tmp_path: Path) -> None:
    told: list[tuple[int, float, list[int]]] = []
    trainer = Counter([0.5, 0.7, 0.6, 0.7])
    course = session(tmp_path, Log())
    course.on_scores = lambda step, scores: told.append((step, scores["f1"], trainer.saved[:]))
    run(course, trainer)
    assert told == [(2, 0.5, [2]), (4, 0.7, [2, 4]), (6, 0.6, [2, 4]), (8, 0.7, [2, 4])]


def best_weight(course: Session) -> str:
    return (course.best / "weight").read_text()


def resumed(
    folder: Path, scores: Sequence[float], policies: Policies = POLICIES
) -> tuple[Session, Counter]:
    """The run as it goes on from the newest checkpoint, as `loop.train` does it."""
    store = Checkpoints(folder, keep=2)
    store.remove_leftovers()
    progress, trainer, newest = Progress(RUN), Counter(scores), store.newest()
    if newest is not None:
        arrays, progress = store.load(newest, RUN)
        trainer = Counter(scores[progress.step // 2 :])
        trainer.restore(arrays)
    return session(folder, Log(), policies, progress), trainer


def test_a_run_killed_at_any_change_of_the_disk_ends_with_its_best_model(tmp_path: Path) -> None:
    scores = [0.5, 0.7]
    often = replace(
        POLICIES, total=4, evaluate_at=frozenset({2, 4}), checkpoint_at=frozenset({1, 2})
    )
    with killed_after(10**6) as calls:
        uninterrupted, trainer = resumed(tmp_path / "whole", scores, often)
        run(uninterrupted, trainer)
    files = {path.name for path in (tmp_path / "whole" / "checkpoints").iterdir()}
    assert files == {"step-00000002", "step-00000004", "best-00000002", "best-00000004"}
    assert len(calls) > 30
    for n_calls in range(len(calls)):
        folder = tmp_path / f"cut{n_calls}"
        with killed_after(n_calls), pytest.raises(Killed):
            run(*resumed(folder, scores, often))
        course, trainer = resumed(folder, scores, often)
        run(course, trainer)
        assert replace(course.progress, seconds=0) == replace(uninterrupted.progress, seconds=0)
        assert best_weight(course) == "4"
        left = {path.name for path in (folder / "checkpoints").iterdir()}
        assert files <= left  # older ones may stay until all are deleted
        assert not [name for name in left if name.startswith(".")]


def test_a_run_that_scores_otherwise_when_resumed_keeps_the_best_that_it_recorded(
    tmp_path: Path,
) -> None:
    """A GPU may compute other scores: the model in the folder is the one of the best score."""
    first = session(tmp_path, Log(), replace(POLICIES, checkpoint_at=frozenset({2})))
    run(first, Counter([0.5, 0.7]), die_at=5)  # the best of step 4 was written, not recorded
    course, trainer = resumed(tmp_path, [0.5, 0.4, 0.4, 0.4])
    run(course, trainer)
    assert (course.progress.best_step, best_weight(course)) == (2, "2")
