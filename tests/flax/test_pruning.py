"""Claims about `distilbert.flax.pruning`."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from distilbert import FlaxDistilBertForSequenceClassification, FlaxDistilBertModel
from distilbert.errors import InputError


@pytest.fixture
def model(config):
    return FlaxDistilBertModel(config)


def test_a_pruned_head_is_as_good_as_a_masked_one(model, ids, mask) -> None:
    factors = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0]])
    expected, before = model(ids, mask, head_mask=factors)[0], model.params
    model.prune_heads({0: [0, 2], 1: [1]})
    np.testing.assert_allclose(model(ids, mask)[0], expected, atol=1e-6)
    shapes = [x.shape for x in model(ids, mask, output_attentions=True).attentions]
    assert shapes == [(3, 2, 7, 7), (3, 3, 7, 7)]
    attention = model.params["transformer"]["layer"]["0"]["attention"]
    assert attention["q_lin"]["kernel"].shape == (32, 16)
    assert attention["out_lin"]["kernel"].shape == (16, 32)
    old = before["transformer"]["layer"]["0"]["attention"]
    assert old["q_lin"]["kernel"].shape == (32, 32)  # a tree handed out earlier does not change


def test_numbers_always_mean_the_unpruned_model(model, ids) -> None:
    factors = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    expected = model(ids, head_mask=factors)[0]
    model.prune_heads({0: [0]})
    model.prune_heads({0: [2]})
    model.prune_heads({0: [0, 2]})
    np.testing.assert_allclose(model(ids)[0], expected, atol=1e-6)
    assert model.config.pruned_heads == {0: [0, 2]}


def test_a_layer_without_heads_still_computes(model, ids) -> None:
    model.prune_heads({0: [0, 1, 2, 3]})
    assert jnp.isfinite(model(ids)[0]).all()


def test_unknown_heads_are_refused_and_nothing_is_pruned(model) -> None:
    before = model.params
    for bad in ({5: [0]}, {1: [0], 0: [4]}, {0: [-5]}, {-3: [0]}):
        with pytest.raises(InputError, match=r"layers below 2 and heads below 4, or neg.*: got l"):
            model.prune_heads(bad)
    assert model.config.pruned_heads == {}
    assert model.params is before


def test_a_pruned_model_survives_saving_and_building(config, ids, tmp_path) -> None:
    head = FlaxDistilBertForSequenceClassification(config)
    head.prune_heads({1: [3, 0]})
    head.save_pretrained(tmp_path)
    again = FlaxDistilBertForSequenceClassification.from_pretrained(tmp_path)
    assert again.config.pruned_heads == {1: [0, 3]}
    assert np.array_equal(again(ids).logits, head(ids).logits)
    again.prune_heads({1: [1]})
    probabilities = again(ids, output_attentions=True).attentions
    assert [part.shape[1] for part in probabilities] == [4, 1]
