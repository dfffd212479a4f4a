"""Claims about `distilbert.tensorflow.attention`; values by plain NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tolerances import OUTPUT, assert_close

from distilbert.tensorflow.attention import attend


def some_heads(seed: int = 0) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng(seed)
    return tuple(generator.standard_normal((2, 3, 5, 4)).astype(np.float32) for _ in range(3))


def by_hand(query, key, value, visible, head_mask=1.0) -> tuple[np.ndarray, np.ndarray]:
    scores = query.astype(np.float64) @ key.astype(np.float64).swapaxes(-1, -2) / 2
    scores = np.where(visible, scores, -1e30)
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    probabilities = powers / powers.sum(-1, keepdims=True) * head_mask
    return probabilities @ value, probabilities


def attended(*heads, visible=None, head_mask=None):
    return attend(*heads, visible=visible, head_mask=head_mask, dropout=lambda x: x)


def test_values_are_mixed_by_the_softmax_of_the_scaled_products() -> None:
    heads = some_heads()
    visible = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], bool)[:, None, None]
    factors = np.array([1.0, 0.0, 0.5], np.float32)[None, :, None, None]
    got = attended(*heads, visible=tf.constant(visible), head_mask=tf.constant(factors))
    for one, other in zip(got, by_hand(*heads, visible, factors), strict=True):
        assert_close(one, other, OUTPUT)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_row_without_visible_keys_attends_evenly_in_every_type(dtype: str) -> None:
    heads = [tf.cast(part * 30, dtype) for part in some_heads()]
    visible = tf.zeros((2, 1, 1, 5), tf.bool)
    _, probabilities = attended(*heads, visible=visible)
    np.testing.assert_allclose(tf.cast(probabilities, tf.float32), 0.2, rtol=1e-2)


def test_dropout_comes_before_the_head_mask() -> None:
    seen = []
    attend(
        *some_heads(),
        visible=None,
        head_mask=tf.fill((1, 3, 1, 1), 7.0),
        dropout=lambda x: seen.append(x) or x,
    )
    np.testing.assert_allclose(tf.reduce_sum(seen[0], -1), 1, rtol=1e-5)
