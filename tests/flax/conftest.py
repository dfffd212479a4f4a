"""A tiny model and a padded batch for every test of the Flax room."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from distilbert import DistilBertConfig


@pytest.fixture
def config() -> DistilBertConfig:
    """2 layers, D 32, V 99, no dropout, so that training is deterministic too."""
    return DistilBertConfig(
        vocab_size=99,
        dim=32,
        n_heads=4,
        n_layers=2,
        hidden_dim=64,
        max_position_embeddings=40,
        dropout=0.0,
        attention_dropout=0.0,
        qa_dropout=0.0,
        seq_classif_dropout=0.0,
    )


@pytest.fixture
def ids() -> np.ndarray:
    """(3, 7), every token ordinary."""
    return np.random.default_rng(5).integers(1, 99, (3, 7))


@pytest.fixture
def mask() -> np.ndarray:
    """(3, 7): a full row, a padded row, and a row with one token."""
    return np.array([[1] * 7, [1] * 4 + [0] * 3, [1] + [0] * 6])


@pytest.fixture
def quick_compiling() -> Iterator[None]:
    """Tests of training compile much and compute little."""
    name = "jax_disable_most_optimizations"
    before = jax.config.read(name)
    jax.config.update(name, True)
    yield
    jax.config.update(name, before)
