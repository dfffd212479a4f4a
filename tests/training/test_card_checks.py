"""Types, ranges, words, and fields that do not fit together."""

from __future__ import annotations

from typing import Any

import pytest

from distilbert.errors import RunCardError
from distilbert.training.card import kind_of
from distilbert.training.card_checks import OTHER_NAMES
from distilbert.training.card_file import with_changes
from distilbert.training.run_card import RunCard


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"warmup": 1.5}, "`warmup` must be at most 1: got 1.5."),
        ({"batch_size": True}, "`batch_size` must be a whole number: got True."),
        ({"epochs": float("nan")}, "`epochs` must be a finite number: got nan."),
        ({"learning_rate": 10**400}, "`learning_rate` must be a number: got 1000"),
        ({"seed": -(10**400)}, "`seed` must be at least 0: got -1000"),
        ({"report": 1}, "`report` must be true or false: got 1."),
        ({"freeze": "embeddings"}, "`freeze` must be a list of strings: got 'embeddings'."),
        (
            {"trackers": ["mlflow", "x"]},
            "`trackers` must be 'mlflow', 'wandb' or 'trackio': got 'x'.",
        ),
        ({"packing": True, "framework": "flax"}, "`packing` needs PyTorch"),
        ({"compile": True, "framework": "tensorflow"}, "`compile` needs PyTorch"),
        ({"compile": True, "parallel": "fsdp"}, "`compile` cannot be used with FSDP"),
        ({"parallel": "ddp", "framework": "tensorflow"}, "`parallel` needs PyTorch"),
        ({"lora_rank": 4, "framework": "flax"}, "`lora_rank` needs PyTorch"),
        ({"teacher": "t", "framework": "tensorflow"}, "`teacher` needs PyTorch"),
        ({"gradient_checkpointing": True, "framework": "tensorflow"}, "`gradient_checkpointing`"),
        ({"patience": 2, "train": "a.csv"}, "`patience` needs dev rows"),
        ({"teacher_weight": 0.9}, "are about a `teacher`: got none"),
        ({"temperature": 1.0}, "are about a `teacher`: got none"),
        ({"dev": "a.csv", "dev_split": 0.1}, "`dev_split` takes dev rows from the training rows"),
        ({"dev_split": 1.0}, "`dev_split` must be less than 1: got 1.0."),
        (
            {"label_separator": ";", "problem_type": "regression"},
            "`label_separator` is for rows with several labels: got problem_type='regression'.",
        ),
        ({"label_separator": ""}, "`label_separator` must be a string that is not empty: got ''."),
        ({"overlap": 128}, "`overlap` must be less than `max_length`"),
        (
            {"labels": ["up", "down", "up"]},
            "`labels` must differ from each other: got up, down, up",
        ),
        ({"glue": "rte", "task": "masked-lm"}, "`glue` applies only to text-classification"),
    ],
)
def test_a_broken_rule_is_told(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(RunCardError) as caught:
        with_changes(RunCard(), changes)
    assert said in str(caught.value)


def test_r_drop_and_a_teacher_may_stand_together() -> None:
    with_changes(RunCard(), {"r_drop": 1.0, "teacher": "t", "batch_tokens": 4096})


def test_every_number_but_one_has_a_range() -> None:
    numbers = {name: f for name, (_, f) in RunCard.fields().items() if kind_of(f) in (int, float)}
    assert [name for name, field in numbers.items() if not field.metadata] == ["null_threshold"]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("lr", "learning_rate"),
        ("num_train_epochs", "epochs"),
        ("per_device_train_batch_size", "batch_size"),
        ("eval_dataset", "dev"),
    ],
)
def test_names_of_other_trainers_suggest_ours(name: str, ours: str) -> None:
    with pytest.raises(RunCardError, match=rf"`{name}` is not a field .*\. Use `{ours}`\."):
        with_changes(RunCard(), {name: 1})


def test_every_suggested_name_exists() -> None:
    assert set(OTHER_NAMES.values()) <= set(RunCard.fields())
    assert not set(OTHER_NAMES) & set(RunCard.fields())


def test_one_name_may_stand_for_a_list_of_one() -> None:
    card = with_changes(RunCard(), {"train": "/a.csv", "label": "mood", "dev_split": 0.1})
    assert (card.data.train, card.data.label) == (("/a.csv",), ("mood",))
    with_changes(RunCard(), {"train": "/a.csv", "dev_split": 0.1, "patience": 2})
