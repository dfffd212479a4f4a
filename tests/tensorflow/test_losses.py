"""Claims about `distilbert.tensorflow.losses`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from distilbert.errors import InputError
from distilbert.tensorflow.losses import choice_loss, sequence_loss, span_loss, token_loss

LOGITS = tf.constant([[2.0, -1.0, 0.5], [0.0, 1.0, -2.0]])
# -log softmax of LOGITS, to four places, by hand.
COST = [[0.2413, 3.2413, 1.7413], [1.3490, 0.3490, 3.3490]]
INTEGERS = [tf.int64, tf.int32, tf.int16, tf.int8, tf.uint8]


def near(values: list[float]) -> object:
    return pytest.approx(np.array(values), abs=1e-4)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integer_labels_of_any_width_are_classes(dtype: tf.DType) -> None:
    labels = tf.constant([0, 2], dtype)
    expected = near([COST[0][0], COST[1][2]])
    for shaped in (labels, labels[:, None]):
        assert sequence_loss(LOGITS, shaped, problem_type=None).numpy() == expected
    assert choice_loss(LOGITS, labels).numpy() == expected
    mean = near([(COST[0][0] + COST[1][2]) / 2])
    assert token_loss(LOGITS[:, None], labels[:, None]).numpy() == mean


def test_float_and_bool_labels_are_several_labels_at_once() -> None:
    labels = np.array([[1.0, 0.0, 1.0], [0.0, 0.0, 1.0]])
    chances = 1 / (1 + np.exp(-LOGITS.numpy().astype(np.float64)))
    expected = -(labels * np.log(chances) + (1 - labels) * np.log(1 - chances)).mean(-1)
    for shaped in (labels, labels.astype(bool), labels.astype(np.float32)):
        loss = sequence_loss(LOGITS, tf.constant(shaped), problem_type=None)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
    whole = tf.constant(labels.astype(int))
    as_integers = sequence_loss(LOGITS, whole, problem_type="multi_label_classification")
    np.testing.assert_allclose(as_integers, expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64, tf.int64])
def test_one_label_is_regression_on_any_column_shape(shape: tuple, dtype: tf.DType) -> None:
    logits = tf.constant([[1.0], [2.0], [4.0]])
    labels = tf.cast(tf.reshape(tf.constant([1.0, 0.0, 1.0]), shape), dtype)
    assert sequence_loss(logits, labels, problem_type=None).numpy().tolist() == [0, 4, 9]


def test_regression_on_several_values_needs_equal_shapes() -> None:
    loss = sequence_loss(LOGITS, tf.zeros((2, 3)), problem_type="regression")
    np.testing.assert_allclose(loss, (LOGITS.numpy() ** 2).mean(-1))
    with pytest.raises(InputError, match=r"one value per logit: got labels \(3, 2\)"):
        sequence_loss(LOGITS, tf.zeros((3, 2)), problem_type="regression")


def test_labels_that_would_broadcast_are_refused() -> None:
    with pytest.raises(InputError, match=r"got labels \(2, 2\).* for logits \(2, 1\)"):
        sequence_loss(tf.zeros((2, 1)), tf.zeros((2, 2)), problem_type=None)
    with pytest.raises(ValueError, match="one value per logit"):
        sequence_loss(LOGITS, tf.zeros(2), problem_type=None)


def test_integer_labels_for_every_class_are_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"one class number per row; for several, floats"):
        sequence_loss(LOGITS, tf.ones((2, 3), tf.int64), problem_type=None)


def test_ignored_tokens_take_no_part_and_nothing_left_is_nan() -> None:
    labels = tf.constant([[0, -100]])
    assert token_loss(LOGITS[None], labels).numpy() == near([COST[0][0]])
    assert np.isnan(token_loss(LOGITS[None], tf.fill((1, 2), -100)).numpy()).all()


@pytest.mark.parametrize("dtype", [tf.int64, tf.int32, tf.int8])
def test_rows_without_a_class_take_no_part_as_in_pytorch(dtype: tf.DType) -> None:
    labels = tf.constant([0, -100], dtype)
    for loss in (choice_loss, lambda *given: sequence_loss(*given, problem_type=None)):
        assert loss(LOGITS, labels).numpy() == near([2 * COST[0][0], 0])
        assert np.isnan(loss(LOGITS, tf.fill((2,), tf.constant(-100, dtype))).numpy()).all()
        with pytest.raises(InputError, match=r"between 0 and 2, or -100 for none: got -1 to 0\."):
            loss(LOGITS, tf.constant([0, -1], dtype))


def test_every_negative_label_is_ignored_where_that_is_asked_for() -> None:
    labels = tf.constant([[0, -7]])
    loss = token_loss(LOGITS[None], labels, ignores_negative=True)
    assert loss.numpy() == near([COST[0][0]])


def test_the_legacy_loss_is_one_value_per_token_with_a_label() -> None:
    labels = tf.constant([[2, 0], [-100, 1]])
    loss = token_loss(tf.stack([LOGITS, LOGITS]), labels, legacy=True)
    assert loss.numpy() == near([COST[0][2], COST[1][0], COST[1][1]])


def test_weights_multiply_the_values_of_rows_or_tokens() -> None:
    logits, labels = tf.stack([LOGITS, LOGITS]), tf.constant([[0, 0], [1, -100]])
    by_row = token_loss(logits, labels, weights=tf.constant([2.0, 0.0]))
    assert by_row.numpy() == near([2 * (COST[0][0] + COST[1][0]) / 3])
    by_token = token_loss(logits, labels, weights=tf.constant([[0.0, 3.0], [1.0, 9.0]]))
    assert by_token.numpy() == near([(3 * COST[1][0] + COST[0][1]) / 3])


@pytest.mark.parametrize("dtype", INTEGERS)
def test_positions_are_clamped_and_outside_ones_ignored(dtype: tf.DType) -> None:
    inside, outside = tf.constant([0, 2], dtype), tf.constant([0, 3], dtype)
    both = [COST[0][0], COST[1][2]]
    assert span_loss(LOGITS, LOGITS, inside, inside).numpy() == near(both)
    # The start of row 1 lies outside; that of row 0 then weighs two rows.
    got = span_loss(LOGITS, LOGITS, outside, inside[:, None])
    assert got.numpy() == near([(2 * COST[0][0] + COST[0][0]) / 2, COST[1][2] / 2])


def test_negative_positions_count_as_the_first() -> None:
    negative, first = tf.constant([-5, 1]), tf.constant([0, 1])
    np.testing.assert_array_equal(
        span_loss(LOGITS, LOGITS, negative, negative), span_loss(LOGITS, LOGITS, first, first)
    )


def test_a_side_with_all_positions_outside_contributes_nothing() -> None:
    outside, inside = tf.constant([7, 9]), tf.constant([0, 2])
    with tf.GradientTape() as tape:
        tape.watch(LOGITS)
        loss = span_loss(LOGITS, tf.zeros_like(LOGITS), outside, outside)
    assert loss.numpy().tolist() == [0, 0]
    assert not tape.gradient(loss, LOGITS).numpy().any()
    one_side = span_loss(LOGITS, LOGITS, outside, inside)
    assert one_side.numpy() == near([COST[0][0] / 2, COST[1][2] / 2])


def test_half_precision_is_compared_in_float32() -> None:
    labels = tf.constant([0, 2])
    assert choice_loss(tf.cast(LOGITS * 1000, tf.float16), labels).dtype == tf.float32
