"""NumPy arrays to a tree of parameters and back.

A tree is nested dicts, as linen names them: `{"embeddings": {"word_embeddings": {"embedding": ...`.
The module computes the sinusoid table, so it is not in the tree; a table that differs from the
sinusoids is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.core import FrozenDict, freeze
from flax.traverse_util import flatten_dict, unflatten_dict

from distilbert.checkpoint.init import initial_weights, sinusoid_table
from distilbert.checkpoint.layout import canonical_name, native_array, native_name
from distilbert.checkpoint.spec import Parameter, parameter_spec, tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.errors import ConfigError

Tree = dict[str, Any]
FLOATING = jnp.floating
FLOATING_NAMES = ("float16", "bfloat16", "float32", "float64")

# Paths below the encoder.
WORDS = "embeddings/word_embeddings/embedding"
POSITIONS = "embeddings/position_embeddings/embedding"


def to_tree(
    arrays: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    head: str,
    *,
    dtype: Any = None,
    prefix: str = "",
) -> Tree:
    """A tree of copies of the arrays, in the given dtype or in theirs.

    Tied parameters and positions that are the sinusoid table are left out. `prefix` goes before
    the paths, as where a user's head surrounds the encoder.
    """
    tied = tied_parameters(config, head)
    flat = {}
    for row in parameter_spec(config, head):
        array = arrays.get(row.name)
        if array is None or row.name in tied or (_is_computed(row, config) and _is_table(array)):
            continue
        native = native_array(array, row.kind, "flax")
        # A copy: JAX may otherwise keep reading the caller's memory, or a memory-mapped file.
        flat[prefix + native_name(row.name, row.kind, "flax")] = jnp.array(native, dtype)
    return unflatten_dict(flat, sep="/")


def to_arrays(
    params: Mapping[str, Any], config: DistilBertConfig, head: str, *, prefix: str = ""
) -> dict[str, Any]:
    """The arrays of a tree by canonical name and orientation, in the order of the spec.

    Leaves outside the spec come last. Tied parameters and sinusoids are not added. `prefix` is as
    in `to_tree`, and part of the names.
    """
    flat = flatten(params)
    rows = {
        prefix + native_name(row.name, row.kind, "flax"): row
        for row in parameter_spec(config, head)
    }
    out = {
        prefix.replace("/", ".") + row.name: native_array(
            np.asarray(flat.pop(name)), row.kind, "flax"
        )
        for name, row in rows.items()
        if name in flat
    }
    return out | {canonical_name(name, "flax"): np.asarray(leaf) for name, leaf in flat.items()}


def shape_tree(config: DistilBertConfig, head: str, *, prefix: str = "") -> Tree:
    """The shapes and dtypes of every parameter a model needs, as from `jax.eval_shape`."""
    tied = tied_parameters(config, head)
    flat = {
        prefix + native_name(row.name, row.kind, "flax"): jax.ShapeDtypeStruct(
            row.shape[::-1] if row.kind == "matrix" else row.shape, jnp.float32
        )
        for row in parameter_spec(config, head)
        if row.name not in tied and not _is_computed(row, config)
    }
    return unflatten_dict(flat, sep="/")


def initial_tree(config: DistilBertConfig, head: str, *, seed: int, prefix: str = "") -> Tree:
    """Initial float32 parameters, the same as in the other frameworks for the same seed."""
    return to_tree(initial_weights(config, head, seed), config, head, prefix=prefix)


def seed_of(rng: jax.Array) -> int:
    """The seed inside a key: that of `PRNGKey(seed)` and `key(seed)` is `seed` itself."""
    if jnp.issubdtype(rng.dtype, jax.dtypes.prng_key):
        rng = jax.random.key_data(rng)
    words = np.asarray(rng, np.uint32)
    half = len(words) // 2
    if half > 1 and np.array_equal(words[:half], words[half:]):
        words = words[:half]  # the generator `rbg` holds the seed twice
    return int.from_bytes(words.astype(">u4").tobytes(), "big")


def plain(params: Mapping[str, Any]) -> Tree:
    """The tree in new plain dicts; leaves are shared."""
    return {
        name: plain(value) if isinstance(value, Mapping) else value
        for name, value in params.items()
    }


def flatten(params: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a/b": leaf}` for `{"a": {"b": leaf}}`."""
    return flatten_dict(plain(params), sep="/")


def merged(params: Mapping[str, Any], leaves: Mapping[str, Any]) -> Tree:
    """A new tree: `params` with other or more leaves, given as `{"a/b": leaf}`."""
    return unflatten_dict({**flatten(params), **leaves}, sep="/")


def cast(params: Mapping[str, Any], dtype: Any, mask: Mapping[str, Any] | None = None) -> Any:
    """The tree with its floating arrays in `dtype`; a tree of bools as `mask` selects some.

    A FrozenDict stays one, to match the optimizer's state; with a mask the result has plain dicts,
    as in the reference.
    """

    def in_dtype(leaf: Any, selected: Any = True) -> Any:
        is_floating = jnp.issubdtype(jnp.result_type(leaf), FLOATING)
        return jnp.asarray(leaf, dtype) if selected and is_floating else leaf

    if mask is not None:
        return jax.tree.map(in_dtype, plain(params), plain(mask))
    tree = jax.tree.map(in_dtype, plain(params))
    return freeze(tree) if isinstance(params, FrozenDict) else tree


def floating_dtype(name: str, dtype: Any) -> np.dtype:
    """`dtype`, which may be a plain name, as a dtype.

    Raises:
        ConfigError: it is not a floating dtype.
    """
    text = str(dtype).removeprefix("torch.")  # a name from a config, or PyTorch's own object
    try:
        found = jnp.dtype(text if text in FLOATING_NAMES else dtype)
    except TypeError:
        found = None
    if dtype is None or found is None or not jnp.issubdtype(found, FLOATING):
        raise ConfigError(f"`{name}` must be a floating type such as 'bfloat16': got {dtype!r}.")
    return found


def _is_computed(row: Parameter, config: DistilBertConfig) -> bool:
    return row.kind == "position" and config.sinusoidal_pos_embds


def _is_table(array: np.ndarray) -> bool:
    return np.array_equal(array, sinusoid_table(*array.shape).astype(array.dtype))
