"""The TensorFlow runner: a dict of NumPy arrays in, a dict of NumPy arrays out.

The only place of this room where device and dtype of inference are decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import ConfigError, InputError
from distilbert.input_checks import RUNNER_INPUTS, check_batch
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS, only_wanted
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.layers import deferred_init
from distilbert.tensorflow.loading import load_model
from distilbert.tensorflow.pretrained import PreTrainedModel
from distilbert.tensorflow.weights import (
    added_variables,
    assign,
    canonical_arrays,
    floating_dtype,
)


def load_runner(request: LoadRequest, *, device: Any = None, dtype: Any = None) -> TensorFlowRunner:
    """The runner of the checkpoint that `request` describes."""
    model, _ = load_model(request)
    return as_runner(model, device, dtype)


def as_runner(
    model: PreTrainedModel, device: str | None = None, dtype: Any = None
) -> TensorFlowRunner:
    """The runner of a model, which it takes over."""
    return TensorFlowRunner(model, device, dtype)


class TensorFlowRunner:
    """A Keras model that answers with NumPy arrays."""

    def __init__(
        self, model: PreTrainedModel, device: str | None = None, dtype: Any = None
    ) -> None:
        """
        Args:
            device: "cpu", "gpu" (or "cuda"), or a name TensorFlow knows; None leaves the choice to
                TensorFlow, which prefers a GPU.
            dtype: what to compute in, as a dtype, a Keras policy or a name; None keeps the model's.

        Raises:
            InputError: `dtype` is not a floating type; TensorFlow has no such device.
        """
        self.device = None if device is None else available_device(device)
        self.model = model if dtype is None else _cast(model, dtype)
        self.head = model.head
        self.config = model.config
        is_cpu = not tf.config.list_logical_devices("GPU")
        self.preferred_batch_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS
        # Traced once: sizes are left open, so that no new length is a new graph.
        axes = (None,) * (3 if self.head == "multiple_choice" else 2)
        signature = {name: tf.TensorSpec(axes, tf.int32, name=name) for name in RUNNER_INPUTS}
        self._compute = tf.function(self._answer, input_signature=[signature])

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        check_batch(batch, self.config, self.head)
        ids = batch["input_ids"]
        mask = batch.get("attention_mask", np.ones_like(ids))
        arrays = {"input_ids": ids, "attention_mask": mask != 0}
        with tf.device(self.device):
            tensors = {name: tf.constant(value, tf.int32) for name, value in arrays.items()}
            output = self._compute(tensors)
        return only_wanted({name: tensor.numpy() for name, tensor in output.items()}, wanted)

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        del self.model, self._compute

    def _answer(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        output = self.model(
            inputs,
            output_attentions=False,
            output_hidden_states=False,
            return_dict=True,
            training=False,
        )
        return {name: tf.cast(tensor, tf.float32) for name, tensor in output.items()}


def available_device(device: str) -> str:
    """TensorFlow's name of a device. One it lacks is refused: it would take the CPU instead."""
    kind, _, number = str(device).lower().rpartition("/")[2].removeprefix("device:").partition(":")
    name = f"/device:{kind.replace('cuda', 'gpu').upper()}:{number or 0}"
    known = [found.name for found in tf.config.list_logical_devices()]
    if name not in known:
        raise InputError(
            f"`device` must be one that TensorFlow sees: got {device!r}, not {', '.join(known)}."
        )
    return name


def _cast(model: PreTrainedModel, dtype: Any) -> PreTrainedModel:
    """A model with the same weights that computes in `dtype`."""
    try:
        policy = floating_dtype(dtype, config=model.config, arrays={})
    except ConfigError:
        raise InputError(
            f"`dtype` must be a floating type such as 'bfloat16': got {dtype!r}."
        ) from None
    is_ours = type(model) in MODEL_CLASSES.values()
    with deferred_init() if is_ours else nullcontext():
        other = type(model)(model.config, name=model.name, dtype=policy)
    assign(other, canonical_arrays(model))
    for new, old in zip(added_variables(other), added_variables(model), strict=True):
        new.assign(old)
    return other
