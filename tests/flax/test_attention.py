"""Claims about `distilbert.flax.attention`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert.errors import InputError
from distilbert.flax.attention import attend, layer_head_masks, softmax

TOLERANCES = {"float32": 2e-6, "bfloat16": 3e-2, "float16": 4e-3}


def qkv(dtype: str = "float32") -> list[jax.Array]:
    generator = np.random.default_rng(1)
    return [jnp.asarray(generator.standard_normal((3, 4, 7, 8)), dtype) for _ in range(3)]


def visible() -> np.ndarray:
    keys = np.ones((3, 1, 1, 7), bool)
    keys[1, ..., 4:] = False
    keys[2] = False
    return keys


def run(tensors: list[jax.Array], keys: Any, **options: Any) -> tuple[jax.Array, jax.Array]:
    settings: dict = {"head_mask": None, "dropout": lambda x: x} | options
    return attend(*tensors, visible=keys, **settings)


def expected(tensors: list[jax.Array], keys: np.ndarray) -> np.ndarray:
    """The formula, in float64."""
    query, key, value = (np.asarray(tensor, np.float64) for tensor in tensors)
    scores = np.where(keys, query @ key.swapaxes(-1, -2) / np.sqrt(8), -1e300)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    return (weights / weights.sum(-1, keepdims=True)) @ value


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_values_are_mixed_by_the_formula_and_stay_in_their_type(dtype: str) -> None:
    tensors = qkv(dtype)
    for keys in (None, visible()):
        got, probabilities = run(tensors, keys)
        assert got.dtype == probabilities.dtype == jnp.dtype(dtype)
        want = expected(tensors, np.ones((3, 1, 1, 7), bool) if keys is None else keys)
        np.testing.assert_allclose(np.asarray(got, np.float64), want, atol=TOLERANCES[dtype])


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_a_row_without_visible_keys_attends_evenly(dtype: str) -> None:
    _, probabilities = run(qkv(dtype), visible())
    assert probabilities[2].astype(jnp.float32) == pytest.approx(1 / 7, rel=1e-2)
    assert not probabilities[1, ..., 4:].any()


def test_a_head_mask_multiplies_after_dropout() -> None:
    factors = jnp.array([1.0, 0.0, 0.5, 2.0])[:, None, None]
    plain, halved = run(qkv(), None)[1], lambda x: x * 0.5
    _, masked = run(qkv(), None, head_mask=factors, dropout=halved)
    np.testing.assert_allclose(masked, plain * 0.5 * factors)


def test_large_half_precision_scores_are_summed_in_single_precision() -> None:
    scores = jnp.zeros((1, 4096), jnp.bfloat16)
    assert float(softmax(scores)[0, 0]) == 1 / 4096
    assert softmax(scores).dtype == jnp.bfloat16


def test_head_masks_have_one_form_per_layer() -> None:
    assert layer_head_masks(None, 3, jnp.dtype("float32")) == [None] * 3
    assert layer_head_masks(np.ones(4), 2, jnp.dtype("float16")).shape == (2, 1, 4, 1, 1)
    assert layer_head_masks(np.ones((2, 4)), 2, jnp.dtype("float16")).dtype == jnp.float16
    with pytest.raises(InputError, match="`head_mask` must be"):
        layer_head_masks(np.ones((3, 4)), 2, jnp.dtype("float32"))
