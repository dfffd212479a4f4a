"""Claims about `distilbert.flax.nnx_view`."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import optax
import pytest
from flax import nnx

from distilbert.flax import nnx_view
from distilbert.flax.heads import MODEL_CLASSES
from distilbert.flax.losses import token_loss
from distilbert.flax.weights import flatten


@pytest.mark.parametrize("head", ["base", "masked_lm", "question_answering"])
def test_the_view_answers_like_the_model(head, config, ids, mask) -> None:
    model = MODEL_CLASSES[head](config)
    view = model.to_nnx()
    expected, got = model(ids, mask), view(ids, mask)
    assert type(got) is type(expected)
    for name, value in expected.items():
        assert np.array_equal(got[name], value), name
    compiled = nnx.jit(lambda view, ids: view(ids)[0])(view, ids)
    np.testing.assert_allclose(compiled, model(ids)[0], atol=2e-6)


def test_gradients_are_those_of_the_tree(config, ids) -> None:
    model = MODEL_CLASSES["masked_lm"](config)
    slope = nnx.grad(lambda view: token_loss(view(ids).logits, ids))(model.to_nnx())
    expected = jax.grad(lambda p: token_loss(model(ids, params=p).logits, ids))(model.params)
    got = flatten(nnx.to_pure_dict(slope)["params"])
    for path, leaf in flatten(expected).items():
        np.testing.assert_allclose(got[path], leaf, atol=1e-6, err_msg=path)


def test_an_optimizer_trains_the_view_and_the_tree_comes_back(config, ids) -> None:
    config.dropout = 0.1
    model = MODEL_CLASSES["masked_lm"](config)
    view, before = model.to_nnx(), model.params
    optimizer = nnx.Optimizer(view, optax.sgd(0.5), wrt=nnx.Param)
    rngs = nnx.Rngs(dropout=0)

    @nnx.jit
    def step(view, optimizer, rngs):
        def objective(view, rngs):
            return token_loss(view(ids, train=True, rngs=rngs).logits, ids)

        loss, slope = nnx.value_and_grad(objective)(view, rngs)
        optimizer.update(view, slope)
        return loss

    losses = [float(step(view, optimizer, rngs)) for _ in range(8)]
    assert losses[-1] < losses[0]
    assert model.params is before
    model.params = view.tree()
    assert float(token_loss(model(ids).logits, ids)) < losses[0]


def test_the_view_is_thin() -> None:
    assert len(Path(nnx_view.__file__).read_text().splitlines()) < 60
