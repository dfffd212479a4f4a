"""The door to the frameworks: a name to a room, and a refusal of other names."""

from __future__ import annotations

import pytest

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import fresh_weights
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError
from distilbert.runner import Runner, load_runner


def test_a_checkpoint_becomes_a_runner_of_the_framework_that_was_named(tmp_path):
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
    save_checkpoint(tmp_path / "m", fresh_weights(config, "base", 0), config, head="base")
    runner = load_runner(tmp_path / "m", "base", framework="torch")
    assert isinstance(runner, Runner)
    assert (runner.head, runner.config.dim) == ("base", 8)


def test_an_unknown_framework_is_refused_before_anything_is_loaded():
    with pytest.raises(InputError, match=r"`framework` must be one of .*torch.*: got 'theano'"):
        load_runner("nowhere", "base", framework="theano")
