"""Arrays to variables and back, bit for bit."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from contract.samples import random_weights

from distilbert import TFDistilBertForMaskedLM, TFDistilBertModel
from distilbert.checkpoint.spec import parameter_spec
from distilbert.errors import ConfigError
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.weights import (
    assign,
    canonical_arrays,
    floating_dtype,
    initial_arrays,
    to_array,
    untied_parameters,
    variable_of,
)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_there_and_back_keeps_every_bit(config, dtype) -> None:
    model = TFDistilBertModel(config, dtype=dtype)
    kind = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.dtype(dtype)
    given = {name: x.astype(kind) for name, x in random_weights(config, "base").items()}
    assign(model, given)
    for name, array in canonical_arrays(model).items():
        assert array.dtype == kind
        np.testing.assert_array_equal(array, given[name])


def test_a_matrix_is_held_turned(config) -> None:
    model = TFDistilBertModel(config)
    (row,) = (
        r for r in parameter_spec(config, "base") if r.name.endswith("layer.1.ffn.lin1.weight")
    )
    array = random_weights(config, "base")[row.name]
    assign(model, {row.name: array})
    variable = variable_of(model, row)
    assert variable is model.transformer.layer[1].ffn.lin1.kernel
    np.testing.assert_array_equal(to_array(variable), array.T)


@pytest.mark.parametrize("tied", [True, False])
def test_a_tied_parameter_has_no_variable_of_its_own(config, tied) -> None:
    config.tie_word_embeddings = tied
    model = TFDistilBertForMaskedLM(config)
    names = [row.name for row in untied_parameters(model)]
    assert ("vocab_projector.weight" in names) != tied
    assert len(names) == len(model.weights)


def test_fresh_arrays_follow_the_seed_or_tensorflows_generator(config) -> None:
    name = "transformer.layer.0.ffn.lin1.weight"

    def draw(seed=None):
        return initial_arrays(config, "base", seed=seed, names=[name])[name]

    np.testing.assert_array_equal(draw(3), draw(3))
    tf.random.set_seed(0)
    first, second = draw(), draw()
    assert not np.array_equal(first, second)
    tf.random.set_seed(0)
    np.testing.assert_array_equal(draw(), first)


def test_the_dtype_of_loading_is_what_was_asked_for(config) -> None:
    arrays = {"a": np.zeros(1, np.int64), "b": np.zeros(1, np.float16)}

    def chosen(value):
        return floating_dtype(value, config=config, arrays=arrays).name

    assert chosen(None) == "float32"
    for asked in (tf.float64, "float64", np.float64, keras.DTypePolicy("float64")):
        assert chosen(asked) == "float64"
    assert chosen("mixed_bfloat16") == "mixed_bfloat16"
    assert chosen("auto") == "float16"
    config.torch_dtype = "bfloat16"
    assert chosen("auto") == "bfloat16"
    for wrong in ("int8", tf.int8, 3, "float31"):
        with pytest.raises(ConfigError, match="`torch_dtype` must be a floating"):
            chosen(wrong)
