"""Claims about `distilbert.flax.losses`."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert.errors import InputError
from distilbert.flax.losses import choice_loss, sequence_loss, span_loss, token_loss

LOGITS = jnp.array([[2.0, -1.0, 0.5], [0.0, 1.0, -2.0]])
# -log softmax of LOGITS, to four places, by hand.
COST = [[0.2413, 3.2413, 1.7413], [1.3490, 0.3490, 3.3490]]
INTEGERS = ["int64", "int32", "int16", "int8", "uint8"]


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_labels_of_any_width_are_classes(dtype: str) -> None:
    labels = np.array([0, 2], dtype)
    expected = pytest.approx((COST[0][0] + COST[1][2]) / 2, abs=1e-4)
    for shaped in (labels, labels[:, None]):
        assert sequence_loss(LOGITS, shaped, problem_type=None) == expected
    assert choice_loss(LOGITS, labels) == expected
    assert token_loss(LOGITS[:, None], labels[:, None]) == expected


def test_float_and_bool_labels_are_several_labels_at_once() -> None:
    labels = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]], np.float32)
    chance = 1 / (1 + np.exp(-np.asarray(LOGITS, np.float64)))
    expected = -(labels * np.log(chance) + (1 - labels) * np.log(1 - chance)).mean()
    for shaped in (labels, labels.astype(bool), labels.astype(np.float64)):
        loss = sequence_loss(LOGITS, shaped, problem_type=None)
        assert loss == pytest.approx(expected, abs=1e-6)
    kind = "multi_label_classification"
    as_integers = sequence_loss(LOGITS, labels.astype(int), problem_type=kind)
    assert as_integers == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_one_label_is_regression_on_any_column_shape(shape: tuple[int, ...], dtype: str) -> None:
    labels = np.array([1.0, 0.0, 1.0]).reshape(shape).astype(dtype)
    loss = sequence_loss(jnp.array([[1.0], [2.0], [4.0]]), labels, problem_type=None)
    assert loss == pytest.approx((0 + 4 + 9) / 3)
    assert loss.dtype == jnp.float32


def test_regression_on_several_values_needs_equal_shapes() -> None:
    loss = sequence_loss(LOGITS, np.zeros((2, 3)), problem_type="regression")
    assert loss == pytest.approx(10.25 / 6)
    with pytest.raises(InputError, match=r"one value per logit: got labels \(3, 2\)"):
        sequence_loss(LOGITS, np.zeros((3, 2)), problem_type="regression")


def test_labels_that_would_broadcast_are_refused() -> None:
    with pytest.raises(InputError, match=r"got labels \(2, 2\).* for logits \(2, 1\)"):
        sequence_loss(jnp.zeros((2, 1)), np.zeros((2, 2)), problem_type=None)
    with pytest.raises(ValueError, match="one value per logit"):
        sequence_loss(LOGITS, np.zeros(2), problem_type=None)


def test_integer_labels_for_every_class_are_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"one class number per row; for several, floats"):
        sequence_loss(LOGITS, np.ones((2, 3), int), problem_type=None)


def test_ignored_tokens_take_no_part_and_nothing_left_is_nan() -> None:
    labels = np.array([[0, -100]])
    assert token_loss(LOGITS[None], labels) == pytest.approx(COST[0][0], abs=1e-4)
    assert not jax.grad(token_loss)(LOGITS[None], labels)[0, 1].any()
    assert jnp.isnan(token_loss(LOGITS[None], np.full((1, 2), -100)))


@pytest.mark.parametrize("dtype", INTEGERS)
def test_positions_are_clamped_and_outside_ones_ignored(dtype: str) -> None:
    inside = np.array([0, 2], dtype)
    both = (COST[0][0] + COST[1][2]) / 2
    assert span_loss(LOGITS, LOGITS, inside, inside) == pytest.approx(both, abs=1e-4)
    outside = np.array([0, 3], dtype)
    got = span_loss(LOGITS, LOGITS, outside, inside[:, None])
    assert got == pytest.approx((COST[0][0] + both) / 2, abs=1e-4)


def test_negative_positions_count_as_the_first() -> None:
    negative, first = np.array([-5, 1]), np.array([0, 1])
    assert span_loss(LOGITS, LOGITS, negative, negative) == span_loss(LOGITS, LOGITS, first, first)


def test_a_side_with_all_positions_outside_contributes_nothing() -> None:
    outside, inside = np.array([7, 9]), np.array([0, 2])
    loss, slope = jax.value_and_grad(span_loss)(LOGITS, LOGITS, outside, inside)
    assert loss == pytest.approx((COST[0][0] + COST[1][2]) / 4, abs=1e-4)
    assert not slope.any()
    assert span_loss(LOGITS, LOGITS, outside, outside) == 0


def test_every_loss_is_the_same_when_compiled() -> None:
    labels = np.array([0, 2])
    one_hot = np.eye(2, 3, dtype=np.float32)

    def regression(logits: jax.Array, labels: np.ndarray) -> jax.Array:
        return sequence_loss(logits, labels, problem_type="regression")

    for loss, target in ((choice_loss, labels), (token_loss, labels), (regression, one_hot)):
        assert jax.jit(loss)(LOGITS, target) == pytest.approx(float(loss(LOGITS, target)))
    compiled = jax.jit(span_loss)(LOGITS, LOGITS, labels, labels)
    assert compiled == pytest.approx(float(span_loss(LOGITS, LOGITS, labels, labels)))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_sums_over_many_tokens_without_overflow(dtype: str) -> None:
    logits = jnp.full((16, 512, 2), 20, dtype).at[..., 1].set(0)
    loss = token_loss(logits, jnp.ones((16, 512), int))  # 8192 * 20 is above float16's 65504
    assert loss == pytest.approx(20)
    assert loss.dtype == jnp.float32
    starts = jnp.zeros(16, int)
    assert span_loss(logits[..., 0], logits[..., 0], starts, starts) == pytest.approx(np.log(512))
    one, zero = jnp.full((2, 1), 300, dtype), jnp.zeros((2, 1))  # 300 squared is above it too
    assert sequence_loss(one, zero, problem_type=None) == pytest.approx(90000)


@pytest.mark.parametrize("label", [-1, -99, 3])
def test_a_label_that_names_no_class_is_an_error_and_nan_in_a_trace(label: int) -> None:
    labels = np.array([0, label])
    own = partial(sequence_loss, problem_type=None)
    for loss in (token_loss, choice_loss, own):
        with pytest.raises(InputError, match="`labels` must be class numbers between 0 and 2"):
            loss(LOGITS, labels)
        assert jnp.isnan(jax.jit(loss)(LOGITS, labels))
