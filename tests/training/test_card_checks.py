"""Types, ranges, words, and fields that do not fit together."""

from __future__ import annotations

from typing import Any

import pytest

from distilbert.errors import RunCardError
from distilbert.training.card_checks import RANGES, WORDS
from distilbert.training.card_file import leaf_fields, with_changes
from distilbert.training.run_card import RunCard


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"warmup": 1.5}, "`warmup` must be between 0 and 1: got 1.5."),
        ({"batch_size": True}, "`batch_size` must be a whole number: got True."),
        ({"epochs": float("nan")}, "`epochs` must be a finite number: got nan."),
        ({"learning_rate": 10**400}, "`learning_rate` must be a finite number: got inf."),
        ({"seed": -(10**400)}, "`seed` must be at least 0 and below 2 ** 32"),
        ({"report": 1}, "`report` must be true or false: got 1."),
        ({"freeze": "embeddings"}, "`freeze` must be a list of strings: got 'embeddings'."),
        (
            {"trackers": ["mlflow", "x"]},
            "`trackers` must be one of mlflow, wandb, trackio: got 'x'.",
        ),
        ({"lora_rank": 4, "framework": "flax"}, "`lora_rank` needs PyTorch"),
        ({"teacher": "t", "framework": "tensorflow"}, "`teacher` needs PyTorch"),
        ({"gradient_checkpointing": True, "framework": "tensorflow"}, "`gradient_checkpointing`"),
        ({"patience": 2, "train": "a.csv"}, "`patience` needs dev rows"),
        ({"overlap": 128}, "`overlap` must be less than `max_length`"),
        (
            {"labels": ["up", "down", "up"]},
            "`labels` must differ from each other: got up, down, up",
        ),
        ({"glue": "rte", "task": "masked-lm"}, "`glue` counts only for text-classification"),
    ],
)
def test_a_broken_rule_is_told(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RunCardError) as caught:
        with_changes(RunCard(), changes)
    assert said in str(caught.value)


def test_r_drop_and_a_teacher_may_stand_together() -> None:
    with_changes(RunCard(), {"r_drop": 1.0, "teacher": "t", "batch_tokens": 4096})


def test_rules_name_only_fields_that_exist() -> None:
    assert set(RANGES) | set(WORDS) <= set(leaf_fields())


def test_every_number_but_free_ones_has_a_range() -> None:
    numbers = {n for n, (_, kind) in leaf_fields().items() if kind in (int, float)}
    assert numbers <= set(RANGES)
