"""What every model can do besides computing."""

from __future__ import annotations

import copy
import inspect
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.core import FrozenDict, freeze

from distilbert import (
    FlaxDistilBertForMaskedLM,
    FlaxDistilBertForSequenceClassification,
    FlaxDistilBertModel,
)
from distilbert.checkpoint.init import initial_weights
from distilbert.errors import ConfigError
from distilbert.flax.weights import flatten, to_arrays


def test_the_constructors_signature_is_the_pages() -> None:
    shown = inspect.signature(FlaxDistilBertModel).parameters
    assert {name: p.default for name, p in shown.items()} == {
        "config": inspect.Parameter.empty,
        "input_shape": (1, 1),
        "seed": 0,
        "dtype": jnp.float32,
        "_do_init": True,
        "kwargs": inspect.Parameter.empty,
    }


def test_an_unknown_keyword_or_a_type_without_fractions_is_refused(config) -> None:
    with pytest.raises(TypeError, match=r"`FlaxDistilBertModel` got unknown keywords: sed\."):
        FlaxDistilBertModel(config, sed=1)
    with pytest.raises(ConfigError, match="`dtype` must be a floating type"):
        FlaxDistilBertModel(config, dtype=jnp.int32)
    with pytest.raises(ConfigError, match="`config` must be a DistilBertConfig: got dict"):
        FlaxDistilBertModel({"dim": 32})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_parameters_are_float32_and_the_seeds_whatever_the_type_computed_in(config, dtype) -> None:
    model = FlaxDistilBertForMaskedLM(config, seed=7, dtype=dtype)
    assert model.dtype == getattr(jnp, dtype)
    expected = initial_weights(config, "masked_lm", 7)
    got = to_arrays(model.params, config, "masked_lm")
    assert set(got) == set(expected)
    for name, value in expected.items():
        assert got[name].dtype == np.float32
        assert np.array_equal(got[name], value), name


@pytest.mark.parametrize("make", [jax.random.PRNGKey, jax.random.key])
@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_init_weights_turns_a_key_into_the_weights_of_its_seed(
    config, make, implementation
) -> None:
    model = FlaxDistilBertModel(config, seed=11)
    got = model.init_weights(make(11, impl=implementation), (1, 1))
    jax.tree.map(np.testing.assert_array_equal, got, model.params)
    other = model.init_weights(make(12, impl=implementation))
    assert not np.array_equal(
        *(flatten(t)["transformer/layer/0/ffn/lin1/kernel"] for t in (got, other))
    )


def test_init_weights_keeps_what_it_is_given(config) -> None:
    model = FlaxDistilBertForSequenceClassification(config)
    encoder = {"distilbert": FlaxDistilBertModel(config, seed=5).params}
    got = model.init_weights(jax.random.PRNGKey(0), (1, 1), freeze(encoder))
    jax.tree.map(np.testing.assert_array_equal, got["distilbert"], encoder["distilbert"])
    jax.tree.map(np.testing.assert_array_equal, got["classifier"], model.params["classifier"])


@pytest.mark.parametrize("head", ["base", "multiple_choice"])
def test_init_weights_works_inside_a_trace(config, head) -> None:
    from distilbert.flax.heads import MODEL_CLASSES

    model = MODEL_CLASSES[head](config, _do_init=False)
    shapes = jax.eval_shape(model.init_weights, jax.random.key(0))
    assert shapes == model.params_shape_tree
    made = jax.jit(model.init_weights)(jax.random.key(0))
    assert jax.tree.structure(made) == jax.tree.structure(shapes)


def test_without_init_the_caller_holds_the_parameters(config, ids) -> None:
    model = FlaxDistilBertModel(config, _do_init=False)
    with pytest.raises(ValueError, match="has no `params`"):
        model(ids)
    params = model.init_weights(jax.random.PRNGKey(0), (1, 1))
    with pytest.raises(ValueError, match="holds no `params`"):
        model.params = params
    assert np.array_equal(model(ids, params=params)[0], FlaxDistilBertModel(config)(ids)[0])


def test_params_must_be_complete_and_may_be_frozen(config, ids) -> None:
    model = FlaxDistilBertModel(config)
    expected = model(ids)[0]
    frozen = freeze(model.params)
    assert np.array_equal(model(ids, params=frozen)[0], expected)
    model.params = frozen
    assert not isinstance(model.params["embeddings"], FrozenDict)
    assert (
        model.params["embeddings"]["LayerNorm"]["bias"] is frozen["embeddings"]["LayerNorm"]["bias"]
    )
    with pytest.raises(ValueError, match=r"every parameter: embeddings/LayerNorm/bias, .* missing"):
        model.params = {"transformer": model.params["transformer"]}
    assert ("embeddings", "LayerNorm", "scale") in model.required_params


def test_casting_takes_floats_and_what_the_mask_selects(config) -> None:
    model = FlaxDistilBertModel(config)
    kinds = {"to_bf16": "bfloat16", "to_fp16": "float16", "to_fp32": "float32"}
    for method, dtype in kinds.items():
        cast = getattr(model, method)(model.params)
        assert {leaf.dtype.name for leaf in jax.tree.leaves(cast)} == {dtype}
    is_norm = {path: "layer_norm" in path for path in flatten(model.params)}
    mask = jax.tree.unflatten(jax.tree.structure(model.params), list(is_norm.values()))
    order = sorted(is_norm)
    mask = jax.tree.unflatten(jax.tree.structure(model.params), [is_norm[path] for path in order])
    some = flatten(model.to_fp16(model.params, mask))
    assert {path: leaf.dtype == jnp.float16 for path, leaf in some.items()} == is_norm
    assert model.to_bf16({"n": jnp.arange(2)})["n"].dtype == jnp.int32


def test_dummy_inputs_run_and_models_can_be_copied_and_pickled(config) -> None:
    model = FlaxDistilBertForSequenceClassification(config)
    expected = model(**model.dummy_inputs).logits
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert np.array_equal(other(**model.dummy_inputs).logits, expected)


def test_saving_another_tree_writes_that_tree_in_one_file_or_several(config, tmp_path) -> None:
    model = FlaxDistilBertModel(config)
    zeros = jax.tree.map(jnp.zeros_like, model.params)
    model.save_pretrained(tmp_path, params=zeros, max_shard_size="20KB")
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "flax_model.msgpack.index.json"} < names
    again = FlaxDistilBertModel.from_pretrained(tmp_path)
    assert not any(leaf.any() for leaf in jax.tree.leaves(again.params))
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "flax_model.msgpack"}


def test_the_config_names_the_type_that_was_saved_whatever_it_named_before(
    config, tmp_path
) -> None:
    config.torch_dtype = "float16"  # as of a checkpoint in half precision, cast up since
    FlaxDistilBertModel(config).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["torch_dtype"] == "float32"
    assert config.dtype_name == "float16"


def test_leaves_the_layout_does_not_know_are_refused_not_dropped(config, tmp_path) -> None:
    model = FlaxDistilBertModel(config)
    params = {**model.params, "extra": {"kernel": jnp.ones(2)}}
    with pytest.raises(OSError, match=r"only holds parameters of this model: got extra\.weight"):
        model.save_pretrained(tmp_path, params=params)
