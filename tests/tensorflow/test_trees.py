"""Keras' tree utilities and TensorFlow's take outputs apart and put them together."""

from __future__ import annotations

import keras
import tensorflow as tf

from distilbert.outputs import TFMaskedLMOutput
from distilbert.tensorflow.trees import register_outputs


def some_output() -> TFMaskedLMOutput:
    return TFMaskedLMOutput(logits=tf.ones(2), hidden_states=(tf.ones(1), tf.zeros(1)))


def test_an_output_survives_a_map_over_its_tensors() -> None:
    register_outputs()
    register_outputs()  # a second time is no error
    twice = keras.tree.map_structure(lambda tensor: tensor * 2, some_output())
    assert type(twice) is TFMaskedLMOutput
    assert list(twice) == ["logits", "hidden_states"]
    assert twice.logits.numpy().tolist() == [2, 2]
    assert [float(tensor[0]) for tensor in twice.hidden_states] == [2, 0]


def test_an_output_goes_in_and_out_of_a_graph() -> None:
    doubled = tf.function(lambda out: tf.nest.map_structure(lambda x: x * 2, out))(some_output())
    assert type(doubled) is TFMaskedLMOutput
    assert list(doubled) == ["logits", "hidden_states"]
    assert doubled.logits.numpy().tolist() == [2, 2]
