"""Claims about `distilbert.tensorflow.pruning`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from distilbert import TFDistilBertForSequenceClassification, TFDistilBertModel
from distilbert.errors import InputError


@pytest.fixture
def model(config):
    tf.random.set_seed(0)
    return TFDistilBertModel(config)


def close(one, other) -> None:
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_a_pruned_head_is_as_good_as_a_masked_one(model, ids, mask) -> None:
    factors = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0]], np.float32)
    expected = model(ids, mask, head_mask=factors)[0]
    model.prune_heads({0: [0, 2], 1: [1]})
    close(model(ids, mask)[0], expected)
    shapes = [x.shape for x in model(ids, mask, output_attentions=True).attentions]
    assert shapes == [(3, 2, 7, 7), (3, 3, 7, 7)]
    attention = model.transformer.layer[0].attention
    assert (attention.n_heads, attention.dim, attention.q_lin.units) == (2, 16, 16)
    assert attention.out_lin.kernel.shape == (16, 32)


def test_numbers_always_mean_the_unpruned_model(model, ids) -> None:
    factors = np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]], np.float32)
    expected = model(ids, head_mask=factors)[0]
    model.prune_heads({0: [0]})
    model.prune_heads({0: [2]})
    model.prune_heads({0: [0, 2]})
    close(model(ids)[0], expected)
    assert model.config.pruned_heads == {0: [0, 2]}


def test_a_layer_without_heads_still_computes_in_an_eager_call_and_in_a_graph(model, ids) -> None:
    model.prune_heads({0: [0, 1, 2, 3]})
    eager = model(ids)[0].numpy()
    assert np.isfinite(eager).all()
    close(model.predict(ids, verbose=0)["last_hidden_state"], eager)


def test_unknown_heads_are_refused_and_nothing_is_pruned(model) -> None:
    for bad in ({5: [0]}, {1: [0], 0: [4]}, {0: [-5]}, {-3: [0]}):
        with pytest.raises(InputError, match=r"layers below 2 and heads below 4, or neg.*: got l"):
            model.prune_heads(bad)
    assert model.config.pruned_heads == {}
    assert model.transformer.layer[1].attention.n_heads == 4


def test_a_pruned_model_survives_saving_and_building(config, ids, tmp_path) -> None:
    head = TFDistilBertForSequenceClassification(config)
    head.prune_heads({1: [3, 0]})
    head.save_pretrained(tmp_path)
    again = TFDistilBertForSequenceClassification.from_pretrained(tmp_path)
    assert again.config.pruned_heads == {1: [0, 3]}
    close(again(ids).logits, head(ids).logits)
    again.prune_heads({1: [1]})
    assert again.distilbert.transformer.layer[1].attention.n_heads == 1


def test_pruning_keeps_dtype_trainability_and_paths(config) -> None:
    model = TFDistilBertModel(config, dtype="float64")
    linear = model.transformer.layer[0].attention.q_lin
    linear.trainable = False
    path, n_weights = linear.kernel.path, len(model.weights)
    model.prune_heads({0: [1]})
    linear = model.transformer.layer[0].attention.q_lin
    assert linear.kernel.dtype == "float64"
    assert not linear.trainable
    assert linear.kernel.path == path
    assert len(model.weights) == n_weights


def test_a_compiled_step_does_not_keep_the_old_variables(model, ids) -> None:
    before = model.predict(ids, verbose=0)["last_hidden_state"]
    model.prune_heads({0: [0], 1: [2]})
    after = model.predict(ids, verbose=0)["last_hidden_state"]
    assert not np.allclose(before, after)
    close(after, model(ids)[0])
