"""A model as one function of ids and mask, in a SavedModel or a TF-Lite file.

Unlike the method `export` of the models, which writes what a call returns, this computes only what
the head needs, and can add one vector per text.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from distilbert.config import DistilBertConfig
from distilbert.heads import HEADS
from distilbert.input_checks import RUNNER_INPUTS, WANTED_INPUT
from distilbert.tensorflow.exporting import input_signature
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.layers import deferred_init
from distilbert.tensorflow.weights import assign


class Served(tf.Module):
    """The outputs of a head from `input_ids` and `attention_mask`, by the names of the head.

    Attributes:
        serve: the function, of int32 tensors (B, S), or (B, C, S) for multiple choice, of any size.
        serve_wanted: for a masked LM, the function that also takes `WANTED_INPUT` and computes
            logits (P, V); else None.
    """

    def __init__(self, model: Any, *, more: Mapping[str, tuple[str, bool]]) -> None:
        """
        Args:
            more: the name of a further output, a vector per text -> how the states are pooled, and
                whether the vectors are scaled to length 1.
        """
        super().__init__(name="distilbert")
        self._weights = [variable.value for variable in model.variables]  # what is saved
        signature = input_signature(model)

        def serve(inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
            return _outputs(model, inputs, more)

        self.serve = tf.function(serve, input_signature=[signature])
        self.serve_wanted = None
        if model.head == "masked_lm":
            wanted = {WANTED_INPUT: tf.TensorSpec((None, None), tf.bool, name=WANTED_INPUT)}
            signature = signature | wanted
            self.serve_wanted = tf.function(partial(_wanted, model), input_signature=[signature])

    def signatures(self) -> dict[str, Any]:
        """The functions for given sizes, by the names that they have in a file."""
        functions: dict[str, Any] = {"serving_default": self.serve, WANTED_INPUT: self.serve_wanted}
        return {
            name: function.get_concrete_function()
            for name, function in functions.items()
            if function is not None
        }


def served(
    arrays: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    head: str,
    *,
    more: Mapping[str, tuple[str, bool]],
) -> Served:
    """A module with the weights of a checkpoint; `more` as there."""
    config = copy.deepcopy(config)
    config.chunk_size_feed_forward = 0  # answers are equal, and the graph is smaller
    with deferred_init():
        model = MODEL_CLASSES[head](config)
    assign(model, arrays)
    return Served(model, more=more)


def save_served(module: Served, folder: Path) -> None:
    """Write a SavedModel with the signatures of a module."""
    tf.saved_model.save(module, str(folder), signatures=module.signatures())


def save_tf_lite(module: Served, file: Path, *, dtype: str) -> None:
    """Write a TF-Lite file of TensorFlow Lite's own operators; weights are float32 or float16."""
    function: Any = module.serve
    converter: Any = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function()], module
    )
    if dtype == "float16":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    file.write_bytes(converter.convert())


def _outputs(
    model: Any, inputs: Mapping[str, tf.Tensor], more: Mapping[str, tuple[str, bool]]
) -> dict[str, tf.Tensor]:
    ids, mask = (inputs[name] for name in RUNNER_INPUTS)
    if HEADS[model.head].reads_first_token:
        shape = tf.shape(ids)
        rows = [tf.reshape(x, (-1, shape[-1])) for x in (ids, mask)]  # choices as rows
        logits = model.compute_logits(model.base_model.encode_first(*rows))
        if model.head == "multiple_choice":
            logits = tf.reshape(logits, shape[:2])  # (B, C)
        return {"logits": logits}
    flags = {"output_attentions": False, "output_hidden_states": False, "return_dict": True}
    output = dict(model(ids, mask, training=False, **flags))
    states, visible = next(iter(output.values())), tf.not_equal(mask, 0)
    vectors = {name: _vectors(states, visible, *how) for name, how in more.items()}
    return output | vectors


def _wanted(model: Any, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    ids, mask, wanted = (inputs[name] for name in (*RUNNER_INPUTS, WANTED_INPUT))
    states = model.base_model(ids, mask, training=False, return_dict=True).last_hidden_state
    return {"logits": model.compute_logits(tf.boolean_mask(states, wanted))}  # (P, V)


def _vectors(states: tf.Tensor, visible: tf.Tensor, mode: str, is_scaled: bool) -> tf.Tensor:
    """One vector per text, (B, D), from states (B, S, D) and the visible tokens (B, S)."""
    counted = tf.expand_dims(tf.cast(visible, states.dtype), -1)  # (B, S, 1)
    if mode == "cls":
        vectors = states[:, 0]
    elif mode == "max":
        hidden = (1.0 - counted) * (0.5 * states.dtype.min)
        vectors = tf.reduce_max(states + hidden, axis=1)
    else:
        n_tokens = tf.maximum(tf.reduce_sum(counted, axis=1), 1.0)  # (B, 1)
        vectors = tf.reduce_sum(states * counted, axis=1) / n_tokens
    if not is_scaled:
        return vectors
    length = tf.sqrt(tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True))
    return vectors / tf.maximum(length, np.finfo(np.float32).tiny)
