"""Gradient checkpointing saves memory and changes no number."""

from __future__ import annotations

import jax
import numpy as np

from distilbert import (
    FlaxDistilBertModel,
)


def test_checkpointing_gives_the_same_gradients_over_the_same_tree(config, ids) -> None:
    config.dropout, config.n_layers = 0.3, 1
    model = FlaxDistilBertModel(config)

    def slope():
        def objective(params):
            key = jax.random.key(1)
            return (model(ids, params=params, train=True, dropout_rng=key)[0] ** 3).sum()

        return jax.jit(jax.grad(objective)), objective

    plain, _ = slope()
    expected = plain(model.params)
    model.enable_gradient_checkpointing()
    assert model.is_gradient_checkpointing
    checkpointed, objective = slope()
    assert "remat" in str(jax.make_jaxpr(objective)(model.params))
    got = checkpointed(model.params)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5), got, expected)
    made = model.module.init(jax.random.key(0), ids)["params"]
    assert jax.tree.structure(made) == jax.tree.structure(model.params)
    model.gradient_checkpointing_enable({"policy": jax.checkpoint_policies.dots_saveable})
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5),
        slope()[0](model.params),
        expected,
    )
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


def test_a_config_that_asks_for_checkpointing_gets_it(config) -> None:
    """Files of older releases of the reference hold the field."""
    config.gradient_checkpointing = True
    model = FlaxDistilBertModel(config)
    assert model.is_gradient_checkpointing
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing
