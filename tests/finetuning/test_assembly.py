"""The parts of a run: what they are made of, what they score, and when a run is another one."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from distilbert.finetuning.assembly import FineTuning, starting_point
from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.tasks import task_of
from distilbert.opening import LoadOptions
from distilbert.training.card_file import card_from, with_changes
from distilbert.training.run_card import RunCard


@pytest.fixture(scope="module")
def card(encoder: Path, data: Path) -> RunCard:
    files = {split: str(data / f"several.{split}.jsonl") for split in ("train", "dev")}
    values = {"model": str(encoder), "framework": "torch", "run": {"device": "cpu"}, "data": files}
    return card_from(values, base=None)


def assembled(card: RunCard, **changes: Any) -> FineTuning:
    card = with_changes(card, changes)
    options = LoadOptions()
    with ExitStack() as stack:
        start = starting_point(card, options, stack)
        return FineTuning(card, read_examples(card, task_of(card)), start, options)


def test_scores_are_those_with_the_thresholds_that_are_best_on_dev(card: RunCard) -> None:
    run = assembled(card)
    runner = run.trainer.runner()
    task, found = run.scored(runner, run.splits)
    assert list(found) == ["dev"]
    assert (
        task.thresholds == task.tuned(found["dev"].split.examples, found["dev"].answers).thresholds
    )
    assert run.evaluate(runner) == pytest.approx(found["dev"].scores)
    untuned = run.task.scorer(found["dev"].split.examples, found["dev"].answers)()
    assert found["dev"].scores["f1_micro"] >= untuned["f1_micro"]


def test_a_run_is_another_one_if_its_data_or_a_decisive_field_differs(card: RunCard) -> None:
    identity = assembled(card).identity()
    assert identity == assembled(card, bootstrap=7, device="cpu", log_every=3).identity()
    for changes in ({"learning_rate": 1e-3}, {"metric": "exact"}, {"max_train_rows": 8}):
        assert assembled(card, **changes).identity() != identity
