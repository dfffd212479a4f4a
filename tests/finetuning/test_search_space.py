"""What a [search] table stands for, and that everything wrong with one is told at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilbert.errors import RunCardError
from distilbert.finetuning.search_space import (
    Choice,
    Range,
    search_space,
    trial_card,
    values_of,
    with_absolute_models,
)
from distilbert.training.card_file import card_from, read_card, with_changes
from distilbert.training.run_card import RunCard

RECIPES = sorted((Path(__file__).resolve().parents[2] / "recipes" / "tune").glob("*.toml"))


def card_with(search: dict[str, Any], **top: Any) -> RunCard:
    return card_from(
        {"data": {"train": "t.csv", "dev": "d.csv"}, "search": search, **top}, base=None
    )


SEARCH = {
    "learning_rate": {"low": 1e-5, "high": 5e-4, "log": True},
    "batch_size": [16, 32],
    "epochs": {"low": 2, "high": 5, "integer": True},
    "lora_rank": {"low": 4, "high": 16},
    "freeze": [[], ["embeddings", "layer.0"]],
    "dropout": {"low": 0.0, "high": 0.3},
}


def test_ranges_and_lists_become_dimensions() -> None:
    assert search_space(card_with(SEARCH)) == {
        "learning_rate": Range(1e-5, 5e-4, True, False),
        "batch_size": Choice((16, 32)),
        "epochs": Range(2, 5, False, True),
        "lora_rank": Range(4, 16, False, True),
        "freeze": Choice(((), ("embeddings", "layer.0"))),
        "dropout": Range(0.0, 0.3, False, False),
    }


def test_a_point_gives_values_of_the_fields_and_a_card() -> None:
    card = card_with(SEARCH, seed=7)
    point = {"learning_rate": 2e-5, "batch_size": 1, "epochs": 3, "lora_rank": 8.0, "freeze": 1}
    values = values_of(search_space(card), {**point, "dropout": 0.25})
    assert values == {
        "learning_rate": 2e-5,
        "batch_size": 32,
        "epochs": 3,
        "lora_rank": 8,
        "freeze": ("embeddings", "layer.0"),
        "dropout": 0.25,
    }
    one = trial_card(card, values, output="somewhere")
    assert (one.optimization.batch_size, one.optimization.epochs) == (32, 3.0)
    assert (one.output, one.seed, one.search) == ("somewhere", 7, {})
    assert card.search == SEARCH


def test_everything_that_is_wrong_is_told_at_once() -> None:
    search = {
        "learning_rat": [1e-5],
        "output": ["a", "b"],
        "batch_size": [],
        "weight_decay": [0.1, -1, 0.1],
        "epochs": {"low": 5, "high": 2},
        "learning_rate": {"low": 0.0, "high": "1e-3", "lgo": True},
        "warmup": {"high": 2.0, "log": 1},
        "dropout": {"low": 0, "high": 0.5, "log": True},
        "accumulation": {"low": 1.5, "high": 4},
        "schedule": {"low": 1, "high": 2},
        "packing": True,
    }
    with pytest.raises(RunCardError) as caught:
        search_space(card_from({"search": search}, base=None))
    assert str(caught.value).splitlines() == [
        "A search must have known fields, good ranges and dev rows: 17 are wrong.",
        "  `dev` must name the rows that compare trials, or `dev_split` the fraction of the "
        "training rows that does: got neither.",
        "  [search] `learning_rat` is not a field of a run card. Nearest: `learning_rate`.",
        "  [search] `output` must be the same in all trials: leave it out of [search].",
        "  [search] `batch_size` must have at least one value: got an empty list.",
        "  [search] `weight_decay` must be at least 0: got -1.",
        "  [search] `weight_decay` must have every value once: got 0.1 again.",
        "  [search] `low` of `epochs` must be less than `high`: got 5 and 2.",
        "  [search] `learning_rate` must not have `lgo`: a range has low, high, log, integer.",
        "  [search] `low`: `learning_rate` must be more than 0: got 0.0.",
        "  [search] `high`: `learning_rate` must be a number: got '1e-3'.",
        "  [search] `warmup` must have `low`: got none.",
        "  [search] `log` of `warmup` must be true or false: got 1.",
        "  [search] `high`: `warmup` must be at most 1: got 2.0.",
        "  [search] `low` of `dropout` must be more than 0 for `log = true`: got 0.",
        "  [search] `low`: `accumulation` must be a whole number: got 1.5.",
        "  [search] `schedule` is not a number: write a list of values, not a range.",
        "  [search] `packing` must be a range or a list: got True. Write e.g. "
        "{low = 1e-5, high = 5e-4, log = true} or [16, 32, 64].",
    ]


def test_a_card_without_a_search_is_told() -> None:
    with pytest.raises(RunCardError, match=r"\[search\] must name fields to vary: got none"):
        search_space(card_with({}))


def test_model_folders_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    card = with_absolute_models(card_with({"model": ["mine", "owner/name"]}, model="mine"))
    assert card.model == str(tmp_path / "mine")
    assert card.search == {"model": [str(tmp_path / "mine"), "owner/name"]}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_recipes_hold_good_searches(path: Path) -> None:
    card = with_changes(read_card(path), {"dev": "dev.tsv"})
    assert {"learning_rate", "batch_size"} <= search_space(card).keys()
    text = path.read_text(encoding="utf-8")
    assert f"distilbert tune recipes/tune/{path.name} --trials" in text
