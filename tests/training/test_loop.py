"""The loop joins feed, schedule, log and checkpoints; a run that was cut off ends the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.errors import TrainingError
from distilbert.training.card_file import with_changes
from distilbert.training.feed import Feed, Update
from distilbert.training.loop import Trained, train
from distilbert.training.run_card import RunCard
from distilbert.training.session import OneProcess, Outcome

CARD = with_changes(
    RunCard(), {"epochs": 2.0, "checkpoint_every": 3, "log_every": 2, "tensorboard": False}
)


class Cut(Exception):
    """The run was cut off."""


class Counter:
    """A trainer whose only weight sums its learning rates; `cut_at` ends it like a kill."""

    processes = OneProcess()

    def __init__(self, cut_at: int | None = None) -> None:
        self.weight, self.cut_at = np.zeros(1), cut_at
        self.saved: list[float] = []

    def update(self, update: Update) -> Outcome:
        if update.number == self.cut_at:
            raise Cut
        self.weight = self.weight + update.learning_rate
        losses = {"loss": float(update.number), "label_loss": 2.0 * update.number}
        return Outcome(losses, 1.0)

    def runner(self) -> Any:
        return self

    def state(self) -> dict[str, np.ndarray]:
        return {"weights.n": self.weight}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        self.weight = arrays["weights.n"]

    def save(self, folder: Path) -> None:
        self.saved.append(float(self.weight[0]))

    def close(self) -> None:
        pass


def run(
    folder: Path, trainer: Counter, *, scored: bool = True, card: RunCard = CARD, **options: Any
) -> Trained:
    feed = Feed(
        lengths=np.full(16, 2),
        make=lambda numbers, _: {"attention_mask": np.ones((len(numbers), 2), np.int64)},
        count=lambda batch: {"items": len(batch["attention_mask"])},
        seed=0,
        batch_size=4,
    )
    settings: dict[str, Any] = {"identity": {"seed": 1}, **options}
    return train(
        trainer,
        feed,
        card,
        output=folder,
        metric="f1",
        higher_is_better=True,
        evaluate=(lambda _: {"f1": float(trainer.weight[0])}) if scored else None,
        **settings,
    )


def losses(trained: Trained) -> list[tuple[int, float]]:
    lines = [line for line in trained.history if line["kind"] == "train"]
    return [(line["step"], line["values"]["loss"]) for line in lines]


def test_every_named_loss_is_logged(tmp_path: Path) -> None:
    trained = run(tmp_path, Counter())
    assert trained.progress.step == 8
    lines = [line["values"] for line in trained.history if line["kind"] == "train"]
    assert [(line["loss"], line["label_loss"]) for line in lines] == [
        (0.5, 1.0),
        (2.5, 5.0),
        (4.5, 9.0),
        (6.5, 13.0),
    ]


def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = Counter()
    expected = run(tmp_path / "whole", whole)
    with pytest.raises(Cut):
        run(tmp_path / "cut", Counter(cut_at=5))
    resumed = Counter()
    trained = run(tmp_path / "cut", resumed, resume=True)
    assert resumed.weight == whole.weight
    assert trained.progress.best_score == expected.progress.best_score
    assert losses(trained) == losses(expected)


def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(Cut):
        run(tmp_path, Counter(cut_at=5))
    with pytest.raises(TrainingError, match="seed"):
        run(tmp_path, Counter(), resume=True, identity={"seed": 2})


def test_a_run_ends_early_when_scores_stop_rising(tmp_path: Path) -> None:
    trainer = Counter()
    trainer.update = lambda update: Outcome({"loss": 1.0}, 1.0)  # the weight and its score stay
    trained = run(tmp_path, trainer, card=with_changes(CARD, {"patience": 1, "epochs": 4.0}))
    assert trained.progress.step == 8  # of 16: the score of the second epoch was not better


def test_without_scores_the_last_model_is_kept(tmp_path: Path) -> None:
    trainer = Counter()
    run(tmp_path, trainer, scored=False)
    assert trainer.saved == [float(trainer.weight[0])]
