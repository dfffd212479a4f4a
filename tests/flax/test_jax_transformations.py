"""The models work under JAX's transformations: `jit`, `vmap`, `grad` and sharding.

`pmap`, `shard_map` and sharded `jit` run in a separate process on four simulated devices.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from distilbert.flax.heads import MODEL_CLASSES
from distilbert.flax.losses import token_loss
from distilbert.flax.weights import flatten


def inputs_of(head: str, ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return (ids[None], mask[None]) if head == "multiple_choice" else (ids, mask)


def assert_near(got: Any, expected: Any) -> None:
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, atol=3e-6), got, expected)


@pytest.mark.parametrize("head", MODEL_CLASSES)
def test_every_model_gives_the_same_output_when_compiled(head, config, ids, mask) -> None:
    model = MODEL_CLASSES[head](config)
    given = inputs_of(head, ids, mask)
    flags = {"output_hidden_states": True, "output_attentions": True}
    compiled = jax.jit(lambda params, *inputs: model(*inputs, params=params, **flags))
    got = compiled(model.params, *given)
    assert type(got) is type(model(*given))
    assert_near(got, model(*given, **flags))
    compiled(jax.tree.map(jnp.zeros_like, model.params), *given)
    assert compiled._cache_size() == 1


def test_the_module_itself_compiles_and_may_be_static(config, ids) -> None:
    model = MODEL_CLASSES["base"](config)
    variables = {"params": model.params}
    assert_near(jax.jit(model.module.apply)(variables, ids)[0], model(ids)[0])
    static = jax.jit(lambda module, variables: module.apply(variables, ids), static_argnums=0)
    static(model.module, variables)
    static(MODEL_CLASSES["base"](config).module, variables)
    assert static._cache_size() == 1


def test_vmap_over_examples_and_over_parameters(config, ids, mask) -> None:
    model = MODEL_CLASSES["base"](config)
    one_by_one = jax.vmap(lambda row, keys: model(row[None], keys[None])[0][0])
    assert_near(one_by_one(ids, mask), model(ids, mask)[0])
    trees = [MODEL_CLASSES["base"](config, seed=seed).params for seed in range(2)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)
    ensemble = jax.vmap(lambda params: model(ids, params=params)[0])(stacked)
    assert_near(list(ensemble), [model(ids, params=params)[0] for params in trees])


def test_shapes_are_known_without_computing(config, ids) -> None:
    model = MODEL_CLASSES["masked_lm"](config, _do_init=False)
    shape = jax.eval_shape(lambda p: model(ids, params=p), model.params_shape_tree)
    assert shape.logits.shape == (3, 7, 99)


def test_checkpoint_and_second_derivatives(config, ids) -> None:
    config.n_layers = 1
    model = MODEL_CLASSES["base"](config)

    def objective(params: Any) -> jax.Array:
        return (model(ids, params=params, train=True)[0] ** 3).sum()

    plain, again = jax.grad(objective)(model.params), jax.grad(jax.checkpoint(objective))
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4),
        again(model.params),
        plain,
    )
    _, curvature = jax.jvp(jax.grad(objective), (model.params,), (plain,))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(curvature))


def test_a_compiled_training_step_learns_with_dropout_as_an_argument(config, ids, mask) -> None:
    config.dropout = config.attention_dropout = 0.1
    model = MODEL_CLASSES["masked_lm"](config)
    optimizer = optax.adam(3e-3)

    @jax.jit
    def step(params: Any, state: Any, key: jax.Array) -> tuple[Any, Any, jax.Array]:
        def objective(params: Any) -> jax.Array:
            output = model(ids, mask, params=params, train=True, dropout_rng=key)
            return token_loss(output.logits, jnp.where(mask == 1, ids, -100))

        loss, slope = jax.value_and_grad(objective)(params)
        updates, state = optimizer.update(slope, state)
        return optax.apply_updates(params, updates), state, loss

    params, state, key = model.params, optimizer.init(model.params), jax.random.key(0)
    losses = []
    for number in range(30):
        params, state, loss = step(params, state, jax.random.fold_in(key, number))
        losses.append(float(loss))
    assert losses[-1] < losses[0] / 2
    assert step._cache_size() == 1
    pad = flatten(params)["distilbert/embeddings/word_embeddings/embedding"][0]
    assert jnp.isfinite(pad).all()


def test_an_exported_model_answers_for_every_batch_size(config, ids, mask) -> None:
    from jax import export

    model = MODEL_CLASSES["sequence_classification"](config)
    rows = export.symbolic_shape("rows, 7")
    spec = jax.ShapeDtypeStruct(rows, jnp.int32)
    exported = export.export(jax.jit(lambda ids, mask: model(ids, mask).logits))(spec, spec)
    again = export.deserialize(exported.serialize())
    for n_rows in (1, 3):
        given = ids[:n_rows].astype(np.int32), mask[:n_rows].astype(np.int32)
        assert_near(again.call(*given), model(*given).logits)


ON_FOUR_DEVICES = """
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from distilbert import DistilBertConfig, FlaxDistilBertForMaskedLM
from distilbert.flax.losses import token_loss

assert jax.device_count() == 4
config = DistilBertConfig(vocab_size=99, dim=32, n_heads=4, n_layers=1, hidden_dim=64,
                          max_position_embeddings=40, dropout=0.0, attention_dropout=0.0)
model = FlaxDistilBertForMaskedLM(config)
ids = np.random.default_rng(0).integers(1, 99, (8, 7)).astype(np.int32)
expected = model(ids).logits
near = lambda got, want: np.testing.assert_allclose(got, want, atol=1e-5)

copies = jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), model.params)
per_device = jax.pmap(lambda params, ids: model(ids, params=params))
near(per_device(copies, ids.reshape(4, 2, 7)).logits.reshape(8, 7, 99), expected)

def objective(params, ids):
    return token_loss(model(ids, params=params, train=True).logits, ids)

def step(params, ids):
    return jax.lax.pmean(jax.grad(objective)(params, ids), "data")

for kind in (AxisType.Auto, AxisType.Explicit):
    mesh = jax.make_mesh((4,), ("data",), axis_types=(kind,))
    params = jax.device_put(model.params, NamedSharding(mesh, P()))
    rows = jax.device_put(ids, NamedSharding(mesh, P("data")))
    got = jax.jit(lambda params, ids: model(ids, params=params).logits)(params, rows)
    near(got, expected)
    assert len(got.sharding.device_set) == 4

gradient = jax.jit(jax.grad(objective))
want = gradient(model.params, ids)
jax.tree.map(near, gradient(params, rows), want)
mapped = jax.shard_map(step, mesh=mesh, in_specs=(P(), P("data")), out_specs=P(), check_vma=False)
jax.tree.map(near, jax.jit(mapped)(params, rows), want)
print("same")
"""


def test_pmap_sharded_jit_and_shard_map_agree_with_one_device() -> None:
    flags = "--xla_force_host_platform_device_count=4"
    ran = subprocess.run(
        [sys.executable, "-c", ON_FOUR_DEVICES],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "same"
