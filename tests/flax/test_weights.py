"""NumPy arrays to a tree and back, bit for bit."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from flax.core import freeze

from distilbert.checkpoint.init import initial_weights, sinusoid_table
from distilbert.checkpoint.spec import parameter_spec
from distilbert.errors import ConfigError
from distilbert.flax.weights import (
    cast,
    flatten,
    floating_dtype,
    initial_tree,
    merged,
    plain,
    seed_of,
    shape_tree,
    to_arrays,
    to_tree,
)
from distilbert.heads import HEADS


@pytest.mark.parametrize("dtype", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("head", HEADS)
def test_there_and_back_keeps_every_bit_and_the_order_of_the_spec(config, head, dtype):
    arrays = {k: v.astype(dtype) for k, v in initial_weights(config, head, 1).items()}
    again = to_arrays(to_tree(arrays, config, head), config, head)
    order = [row.name for row in parameter_spec(config, head) if row.name in arrays]
    assert list(again) == order
    for name, array in arrays.items():
        assert again[name].dtype == array.dtype
        np.testing.assert_array_equal(again[name], array)


def test_a_tree_has_memory_of_its_own(config):
    arrays = initial_weights(config, "base", 1)
    tree = to_tree(arrays, config, "base")
    before = np.array(tree["embeddings"]["LayerNorm"]["scale"])
    for array in arrays.values():
        array[...] = 7
    np.testing.assert_array_equal(tree["embeddings"]["LayerNorm"]["scale"], before)


def test_tied_weights_and_the_sinusoid_table_are_no_part_of_a_tree(config):
    config.sinusoidal_pos_embds = True
    arrays = initial_weights(config, "masked_lm", 1)
    arrays["vocab_projector.weight"] = arrays["distilbert.embeddings.word_embeddings.weight"]
    assert (
        flatten(to_tree(arrays, config, "masked_lm")).keys()
        == flatten(shape_tree(config, "masked_lm")).keys()
    )
    name = "distilbert.embeddings.position_embeddings.weight"
    for dtype, held in (("float32", False), ("float16", False), ("float32", True)):
        table = sinusoid_table(40, 32).astype(dtype) + np.float32(held)
        tree = to_tree({**arrays, name: table.astype(dtype)}, config, "masked_lm")
        assert ("position_embeddings" in tree["distilbert"]["embeddings"]) == held


def test_fresh_trees_follow_the_seed(config):
    one, again, other = (initial_tree(config, "base", seed=seed) for seed in (3, 3, 4))
    jax.tree.map(np.testing.assert_array_equal, one, again)
    path = "transformer/layer/1/ffn/lin2/kernel"
    assert not np.array_equal(flatten(one)[path], flatten(other)[path])
    assert {leaf.dtype for leaf in jax.tree.leaves(one)} == {jnp.dtype("float32")}


@pytest.mark.parametrize("seed", [0, 1, 42, 2**31 - 1])
def test_the_seed_is_found_in_its_key(seed):
    for implementation in ("threefry2x32", "rbg"):
        assert seed_of(jax.random.PRNGKey(seed, impl=implementation)) == seed
        assert seed_of(jax.random.key(seed, impl=implementation)) == seed


def test_trees_are_flattened_merged_and_cast_without_touching_the_callers():
    tree = freeze({"a": {"b": jnp.ones(2), "n": jnp.arange(2)}})
    assert list(flatten(tree)) == ["a/b", "a/n"]
    assert type(plain(tree)["a"]) is dict
    other = merged(tree, {"a/b": 0, "c/d": 1})
    assert (other["a"]["b"], other["c"]["d"]) == (0, 1)
    half = cast(tree, jnp.float16, {"a": {"b": True, "n": True}})
    assert (half["a"]["b"].dtype, half["a"]["n"].dtype) == (jnp.float16, jnp.int32)
    assert tree["a"]["b"].dtype == jnp.float32


def test_a_cast_tree_is_the_kind_of_mapping_it_came_in():
    """Otherwise its structure would no longer match the state of the caller's optimizer."""
    tree = {"a": {"b": jnp.ones(2), "n": jnp.arange(2)}}
    for one in (tree, freeze(tree)):
        assert jax.tree.structure(cast(one, jnp.bfloat16)) == jax.tree.structure(one)
    masked = cast(freeze(tree), jnp.bfloat16, {"a": {"b": False, "n": False}})
    assert jax.tree.structure(masked) == jax.tree.structure(tree)


def test_a_dtype_may_be_named_by_anyone():
    import torch

    for given in ("bfloat16", jnp.bfloat16, ml_dtypes.bfloat16, jnp.dtype("bfloat16")):
        assert floating_dtype("dtype", given) == jnp.bfloat16
    assert floating_dtype("dtype", torch.float16) == jnp.float16
    for wrong in ("float99", "int8", torch.int8, 3, None):
        with pytest.raises(ConfigError, match="`dtype` must be a floating type"):
            floating_dtype("dtype", wrong)
