"""Fresh weights: the reference's distributions, the same numbers for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.checkpoint.init import initial_weights, sinusoid_table
from distilbert.config import DistilBertConfig

CONFIG = DistilBertConfig(vocab_size=99, dim=32, n_heads=4, n_layers=2, hidden_dim=48)


def test_the_same_seed_gives_the_same_encoder_under_every_head():
    base, head = initial_weights(CONFIG, "base", 7), initial_weights(CONFIG, "masked_lm", 7)
    for name, values in base.items():
        assert values.dtype == np.float32
        np.testing.assert_array_equal(values, head[f"distilbert.{name}"])
    other = initial_weights(CONFIG, "base", 8)
    assert not np.array_equal(
        base["embeddings.word_embeddings.weight"], other["embeddings.word_embeddings.weight"]
    )


def test_distributions_are_those_of_the_reference():
    weights = initial_weights(DistilBertConfig(n_layers=1, initializer_range=0.05), "base", 0)
    matrix = weights["transformer.layer.0.ffn.lin1.weight"]
    assert matrix.std() == pytest.approx(0.05, rel=0.01)
    assert abs(matrix.mean()) < 1e-3
    assert not weights["embeddings.word_embeddings.weight"][0].any()
    assert weights["embeddings.word_embeddings.weight"][1].any()
    assert not weights["transformer.layer.0.ffn.lin1.bias"].any()
    assert (weights["embeddings.LayerNorm.weight"] == 1).all()
    assert not weights["embeddings.LayerNorm.bias"].any()


def test_no_two_tensors_share_their_stream():
    weights = initial_weights(CONFIG, "base", 0)
    q, k = (weights[f"transformer.layer.0.attention.{n}.weight"] for n in ("q_lin", "k_lin"))
    assert abs(np.corrcoef(q.ravel(), k.ravel())[0, 1]) < 0.1


def test_tied_and_unasked_parameters_are_left_out():
    assert "vocab_projector.weight" not in initial_weights(CONFIG, "masked_lm", 0)
    only = initial_weights(CONFIG, "masked_lm", 0, names={"vocab_projector.bias"})
    assert list(only) == ["vocab_projector.bias"]


def test_sinusoidal_positions_are_the_table_in_float64_rounded_once():
    config = DistilBertConfig(**{**vars(CONFIG), "sinusoidal_pos_embds": True})
    table = initial_weights(config, "base", 0)["embeddings.position_embeddings.weight"]
    np.testing.assert_array_equal(table, sinusoid_table(512, 32))
    assert table[5, 6] == np.float32(np.sin(5 / 10000 ** (6 / 32)))
    assert table[5, 7] == np.float32(np.cos(5 / 10000 ** (6 / 32)))


@pytest.mark.parametrize("head", ["base", "masked_lm"])
def test_names_are_found_with_and_without_the_base_prefix(head):
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, n_layers=1, hidden_dim=8)
    bare = "embeddings.word_embeddings.weight"
    for name in (bare, f"distilbert.{bare}"):
        found = initial_weights(config, head, 0, names={name})
        assert [one.removeprefix("distilbert.") for one in found] == [bare]
