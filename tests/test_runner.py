"""The door to the frameworks: a name to a room, and a refusal of other names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from distilbert import runner as door
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError, MissingDependencyError, TokenIdError
from distilbert.runner import ROOMS, Runner, load_runner

CONFIG = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "m", initial_weights(CONFIG, "base", 0), CONFIG, head="base")
    return tmp_path / "m"


@pytest.mark.parametrize("framework", ROOMS)
def test_a_checkpoint_becomes_a_runner_of_the_framework_that_was_named(folder, framework):
    runner = load_runner(folder, "base", framework=framework)
    assert isinstance(runner, Runner)
    assert (runner.head, runner.config.dim) == ("base", 8)
    assert type(runner).__module__ == ROOMS[framework]


def test_every_framework_gives_the_same_numbers(folder):
    ids = np.array([[1, 2, 3, 0], [4, 5, 6, 7]])
    batch = {"input_ids": ids, "attention_mask": (ids != 0).astype(np.int64)}
    answers = [load_runner(folder, "base", framework=name)(batch) for name in ROOMS]
    for answer in answers:
        assert list(answer) == ["last_hidden_state"]
        assert answer["last_hidden_state"].dtype == np.float32
        np.testing.assert_allclose(
            answer["last_hidden_state"], answers[0]["last_hidden_state"], atol=2e-5
        )


@pytest.mark.parametrize("framework", ROOMS)
def test_every_framework_refuses_a_wrong_batch_with_the_same_words(folder, framework):
    runner = load_runner(folder, "base", framework=framework)
    with pytest.raises(TokenIdError, match="between 0 and 8: got 1 to 9"):
        runner({"input_ids": np.array([[1, 9]])})
    with pytest.raises(InputError, match="got input_ids, labels"):
        runner({"input_ids": np.array([[1]]), "labels": np.array([1])})


def test_unasked_the_first_installed_framework_runs(monkeypatch):
    assert door.chosen_framework(None) == "torch"
    monkeypatch.setattr(door, "is_available", lambda name: name in ("jax", "flax", "keras"))
    assert door.chosen_framework(None) == "flax"
    monkeypatch.setattr(door, "is_available", lambda name: False)
    assert door.chosen_framework(None) == "torch"


def test_a_missing_framework_is_named_with_its_command(monkeypatch):
    monkeypatch.setattr("distilbert._lazy.is_available", lambda name: False)
    with pytest.raises(MissingDependencyError, match=r"`jax`.*pip install 'distilbert\[flax\]'"):
        load_runner("nowhere", "base", framework="flax")


def test_an_unknown_framework_is_refused_before_anything_is_loaded():
    with pytest.raises(InputError, match=r"`framework` must be one of .*torch.*: got 'theano'"):
        load_runner("nowhere", "base", framework="theano")
