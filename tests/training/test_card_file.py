"""Cards come in as TOML or values, go out as TOML, and tell all that is wrong at once."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.errors import RunCardError
from distilbert.training.card_file import (
    as_card,
    card_from,
    card_text,
    read_card,
    read_result_card,
    with_changes,
)
from distilbert.training.run_card import (
    DataSection,
    EvaluationSection,
    InputsSection,
    RunCard,
)

RECIPES = Path(__file__).resolve().parents[2] / "recipes"


def test_a_card_written_and_read_again_is_the_same() -> None:
    data = DataSection(train="/x/a.csv", labels=('a"b\\', "é\n\x7f"), max_train_rows=3)
    card = RunCard(data=data, search={"learning_rate": {"log": [1e-5, 1e-4]}})
    assert card_from(tomllib.loads(card_text(card)), base=None) == card


def test_everything_wrong_is_told_at_once_with_the_nearest_name() -> None:
    values = {
        "modle": "x",
        "epochs": 3,
        "optimization": {"learning_rat": 1, "epochs": -1, "batch_size": "x"},
        "data": {"train": 3},
    }
    with pytest.raises(RunCardError) as caught:
        card_from(values, base=None)
    assert str(caught.value).splitlines() == [
        "A run card must hold known fields and good values: 6 are wrong.",
        "  `modle` is not a field of a run card. Nearest: `model`.",
        "  `epochs` belongs to [optimization].",
        "  [data] `train` must be a list of strings: got 3.",
        "  [optimization] `epochs` must be more than 0: got -1.",
        "  [optimization] `batch_size` must be a whole number: got 'x'.",
        "  [optimization] `learning_rat` is not a field of a run card. Nearest: `learning_rate`.",
    ]


def test_a_section_that_was_split_names_the_new_ones() -> None:
    with pytest.raises(RunCardError) as caught:
        card_from({"windows": {"max_length": 3, "metric": "f1"}, "seed": -1}, base=None)
    assert str(caught.value).splitlines()[1:] == [
        "  `seed` must be at least 0: got -1.",
        "  [windows] this section was split into [inputs], [objective], [evaluation]. "
        "Move `max_length` to [inputs], `metric` to [evaluation].",
    ]


def test_a_result_card_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text(
        'seed = 3\nframework = "flax"\n[data]\ntrain = "/a.csv"\ntext = "t"\n'
        '[windows]\nmax_length = 64\nmetric = "f1"\nn_best = 5\nlong_gone = 1\n'
        "[optimization]\npacking = true\nlabel_smoothing = 0.1\n[run]\nbootstrap = 7\n",
        encoding="utf-8",
    )
    assert read_result_card(path) == RunCard(
        seed=3,
        data=DataSection(train="/a.csv", text="t"),
        inputs=InputsSection(max_length=64),
        evaluation=EvaluationSection(metric="f1", n_best=5),
    )


def test_the_default_separator_of_an_earlier_version_does_not_divide_labels(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    problem = '[objective]\nproblem_type = "single_label_classification"\n'
    for separator, found in ((",", None), (";", ";")):
        path.write_text(f'[data]\nlabel_separator = "{separator}"\n{problem * (found is None)}')
        assert read_result_card(path).data.label_separator == found


def test_data_paths_count_from_the_card(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text('[data]\ntrain = "a/b.csv"\ndev = "hub:o/n:dev"\n', encoding="utf-8")
    card = read_card(path)
    assert card.data.train == (str(tmp_path / "a" / "b.csv"),)
    assert card.data.dev == ("hub:o/n:dev",)


def test_changes_replace_fields_of_any_section_and_leave_the_card() -> None:
    card = RunCard()
    changed = with_changes(card, {"learning_rate": 1, "model": "m", "freeze": ["embeddings"]})
    assert changed.optimization.learning_rate == 1.0
    assert (changed.model, changed.optimization.freeze) == ("m", ("embeddings",))
    assert card == RunCard()


def test_numbers_of_numpy_and_path_objects_become_plain_values() -> None:
    given = {"learning_rate": np.float64(1e-3), "ema": np.float32(0.5), "batch_size": np.int64(4)}
    search = {"warmup": [np.float64(0.1), np.int32(0)]}
    card = with_changes(RunCard(), {**given, "output": Path("out"), "search": search})
    assert card.output == "out"
    text = card_text(card)
    assert {"learning_rate = 0.001", "ema = 0.5", "batch_size = 4"} <= set(text.splitlines())
    assert tomllib.loads(text)["search"] == {"warmup": [0.1, 0]}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({3: 1}, "`3` is not a field"),
        ({"data": {3: 1}}, r"\[data\] `3` is not a field"),
        ({"search": {3: 1}}, "Keys of a run card must be strings: got 3"),
        ({"search": {"epochs": [None]}}, "must hold plain values: got None"),
        ({"output": "out\udcff"}, "`output` must be a string that UTF-8 can encode"),
    ],
)
def test_what_cannot_be_written_back_is_told_before_a_run(values: Any, said: str) -> None:
    with pytest.raises(RunCardError, match=said):
        card_from(values, base=None)


def test_unknown_changes_name_the_nearest_field() -> None:
    with pytest.raises(RunCardError, match="`lr_decay` is not a field"):
        with_changes(RunCard(), {"lr_decay": 1})


@pytest.mark.parametrize("text", ["a = ", "\udcff", "seed = " + "9" * 5000])
def test_a_file_that_is_no_toml_is_a_card_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "card.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RunCardError, match="A run card must be"):
        read_card(path)


def test_a_missing_file_is_a_card_error(tmp_path: Path) -> None:
    with pytest.raises(RunCardError, match="readable text file"):
        read_card(tmp_path / "none.toml")


def test_a_card_may_be_given_in_any_form(tmp_path: Path) -> None:
    path = tmp_path / "card.toml"
    path.write_text("seed = 7\n", encoding="utf-8")
    for given in (path, str(path), {"seed": 7}, RunCard(seed=7)):
        assert as_card(given, {"output": "out"}) == RunCard(seed=7, output="out")
    assert as_card(None, {}) == RunCard()


def test_field_names_are_unique_over_sections() -> None:
    parts = [RunCard(), *(getattr(RunCard(), name) for name in RunCard.sections())]
    names = [name for part in parts for name in type(part).model_fields]
    assert len(set(names)) == len(names)
    assert set(RunCard.fields()) == set(names) - set(RunCard.sections()) - {"search"}


def distils(path: Path) -> bool:
    """Whether a recipe is one of `distill` or `adapt`, which tests/test_recipes.py reads."""
    command = re.search(r"^# Command: distilbert (\w+)", path.read_text("utf-8"), re.MULTILINE)
    return command is not None and command[1] in ("distill", "adapt")


@pytest.mark.parametrize(
    "path",
    sorted(path for path in RECIPES.rglob("*.toml") if not distils(path)),
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_every_recipe_is_a_good_card_that_says_what_it_reproduces(path: Path) -> None:
    read_card(path)
    assert path.read_text(encoding="utf-8").startswith("#")
