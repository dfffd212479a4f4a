"""Claims about `distilbert.flax.static_config`."""

from __future__ import annotations

import pytest

from distilbert import FlaxDistilBertModel
from distilbert.flax.static_config import StaticConfig


def test_equal_configs_are_equal_and_hash_alike(config) -> None:
    one, other = StaticConfig(config), StaticConfig(config)
    assert one == other
    assert hash(one) == hash(other)
    config.dropout = 0.5
    assert one != StaticConfig(config)
    assert one.dropout == 0.0


def test_it_keeps_a_callable_activation_and_the_aliases(config) -> None:
    config.activation = abs
    static = StaticConfig(config)
    assert static.activation is abs
    assert static.hidden_size == 32
    assert static.num_labels == 2


def test_it_never_changes(config) -> None:
    with pytest.raises(AttributeError, match="never changes: got `dim`=3"):
        StaticConfig(config).dim = 3


def test_modules_of_equal_models_are_one_to_the_compiler(config) -> None:
    one, other = FlaxDistilBertModel(config).module, FlaxDistilBertModel(config, seed=3).module
    assert one == other
    assert hash(one) == hash(other)
