"""Claims about `distilbert.tensorflow.layers`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tolerances import OUTPUT, assert_close

from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.layers import (
    Embedding,
    Linear,
    TiedLinear,
    deferred_init,
    known_shape,
    layer_norm,
    leading,
    needs_values,
    path_scope,
    replace_part,
)

GENERATOR = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return GENERATOR.standard_normal(shape).astype(np.float32)


def test_layers_hold_zeros_unless_others_bring_the_values() -> None:
    for layer in (Linear(4, 5), Embedding(4, 5, leaf="weight")):
        assert not np.any(layer.get_weights()[0])
    with deferred_init():
        assert not needs_values()
        assert Linear(4, 5).kernel.shape == (4, 5)
        assert Embedding(4, 5, leaf="weight", dtype="bfloat16").weight.dtype == "bfloat16"
    assert needs_values()


@pytest.mark.parametrize("axes", [(), (3,), (2, 3), (2, 0, 3)])
def test_a_linear_layer_multiplies_the_last_axis(axes: tuple[int, ...]) -> None:
    layer = Linear(4, 5)
    assert isinstance(layer, keras.layers.Dense)
    kernel, bias, x = numbers(4, 5), numbers(5), numbers(1, *axes, 4)
    layer.set_weights([kernel, bias])
    assert_close(layer(x), x @ kernel + bias, OUTPUT)


@pytest.mark.parametrize("widths", [(4, 0), (0, 4)])
def test_a_linear_layer_may_have_no_columns_or_rows(widths: tuple[int, int]) -> None:
    layer = Linear(*widths)
    layer.bias.assign(np.ones(widths[1]))
    assert_close(layer(numbers(2, 3, widths[0])), np.ones((2, 3, widths[1])), OUTPUT)


def test_a_tied_layer_multiplies_by_rows_of_a_table_and_owns_a_bias_only() -> None:
    layer = TiedLinear(5)
    table, bias, x = numbers(5, 4), numbers(5), numbers(2, 3, 4)
    layer.set_weights([bias])
    assert_close(layer(x, table), x @ table.T + bias, OUTPUT)


def test_looking_up_the_padding_row_gives_its_value_but_no_gradient() -> None:
    layer = Embedding(6, 4, leaf="weight", padding_idx=2)
    table = numbers(6, 4)
    layer.weight.assign(table)
    ids = tf.constant([[2, 1], [1, 5]])
    with tf.GradientTape() as tape:
        rows = layer(ids)
        total = tf.reduce_sum(rows)
    np.testing.assert_array_equal(rows, table[ids.numpy()])
    gradient = tf.convert_to_tensor(tape.gradient(total, layer.weight.value)).numpy()
    assert gradient[:, 0].tolist() == [0, 2, 0, 0, 0, 1]


def test_a_frozen_table_stays_frozen_when_everything_is_set_trainable() -> None:
    layer = Embedding(6, 4, leaf="embeddings", frozen=True)
    layer.trainable = True
    assert layer.trainable_variables == []
    assert len(layer.weights) == 1


def test_the_first_rows_come_in_the_dtype_of_computing() -> None:
    layer = Embedding(6, 4, leaf="embeddings", dtype="mixed_bfloat16")
    assert layer.first(2).shape == (2, 4)
    assert layer.first(2).dtype == tf.bfloat16
    assert layer.embeddings.dtype == "float32"


def test_a_norm_has_mean_zero_and_deviation_one_with_an_epsilon_that_does_not_matter() -> None:
    x = numbers(3, 8) * 1e-4
    expected = (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True)
    np.testing.assert_allclose(layer_norm(8)(x), expected, rtol=1e-3)


def test_sizes_are_numbers_where_they_are_known() -> None:
    seen = []

    @tf.function(input_signature=[tf.TensorSpec((None, 3, 4))])
    def look(x):
        seen.append((leading(x)[1], known_shape(x), known_shape(tf.zeros((2, 3)))))
        return leading(x)[0]

    assert look(tf.zeros((7, 3, 4))) == 7
    assert seen == [(3, None, (2, 3))]


def test_a_replaced_part_takes_the_place_path_and_variables_of_the_old_one() -> None:
    class Owner(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="owner")
            with path_scope("a/owner"):
                self.part = Linear(2, 3, name="part")

    owner = Owner()
    assert owner.part.kernel.path == "a/owner/part/kernel"
    with path_scope("a/owner"):
        new = Linear(2, 5, name="part")
    replace_part(owner, "part", new)
    assert [variable.shape for variable in owner.weights] == [(2, 5), (5,)]
    assert owner.weights[0].path == "a/owner/part/kernel"
