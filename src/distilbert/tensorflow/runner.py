"""The TensorFlow runner: a dict of NumPy arrays in, a dict of NumPy arrays out.

The only file of this package that decides the device and the dtype of inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import tensorflow as tf

from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import ConfigError, InputError
from distilbert.heads import HEADS
from distilbert.input_checks import RUNNER_INPUTS, check_batch
from distilbert.runner import (
    ACCELERATOR_BATCH_TOKENS,
    CPU_BATCH_TOKENS,
    name_outputs,
    only_wanted,
)
from distilbert.tensorflow.heads import load_model
from distilbert.tensorflow.layers import deferred_init
from distilbert.tensorflow.loading import is_package_class
from distilbert.tensorflow.pretrained import PreTrainedModel
from distilbert.tensorflow.weights import (
    added_variables,
    assign,
    build_added_layers,
    canonical_arrays,
    floating_dtype,
    is_own_head,
)
from distilbert.threads import set_tensorflow_threads

WANTED = "wanted"


def load_runner(
    request: LoadRequest, *, device: Any = None, dtype: Any = None, num_threads: int | None = None
) -> TensorFlowRunner:
    """The runner of the checkpoint that `request` describes; `num_threads` is for the process."""
    set_tensorflow_threads(tf, num_threads)
    model, _ = load_model(request)
    return TensorFlowRunner(model, device, dtype)


class TensorFlowRunner:
    """A Keras model with NumPy arrays as inputs and outputs; takes over the model it is given."""

    def __init__(
        self, model: PreTrainedModel, device: str | None = None, dtype: Any = None
    ) -> None:
        """
        Args:
            device: "cpu", "gpu" (or "cuda"), or one of TensorFlow's names; None lets TensorFlow
                choose, which prefers a GPU.
            dtype: what to compute in, as a dtype, a Keras policy or a name; None keeps the model's.

        Raises:
            InputError: `dtype` is not a floating type; TensorFlow has no such device.
        """
        self.device = None if device is None else available_device(device)
        self.model = model if dtype is None else _cast(model, dtype)
        self.head = model.head
        self.config = model.config
        gpus = tf.config.list_logical_devices("GPU")
        is_cpu = not gpus or (self.device is not None and "CPU" in self.device)
        self.preferred_batch_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS
        self._compute = self._traced(RUNNER_INPUTS)
        self._compute_wanted = self._traced((*RUNNER_INPUTS, WANTED))

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        ids, mask = check_batch(batch, self.config, self.head, wanted)
        arrays, compute = {"input_ids": ids, "attention_mask": mask}, self._compute
        if wanted is not None and is_package_class(type(self.model)):
            arrays[WANTED], wanted, compute = wanted, None, self._compute_wanted
        with tf.device(self.device):
            output = compute({name: tf.constant(a, tf.int32) for name, a in arrays.items()})
        found = {name: tensor.numpy() for name, tensor in output.items()}
        return only_wanted(self.head, found, wanted)

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        del self.model, self._compute, self._compute_wanted

    def _traced(self, names: Sequence[str]) -> Any:
        """`_outputs` as a graph with open sizes, so that a new length needs no other graph."""
        axes = (None,) * len(HEADS[self.head].input_axes)
        signature = {name: tf.TensorSpec(axes, tf.int32, name=name) for name in names}
        return tf.function(self._outputs, input_signature=[signature])

    def _outputs(self, inputs: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        model: Any = self.model.base_model if is_own_head(self.model) else self.model
        ids, mask = (inputs[name] for name in RUNNER_INPUTS)
        # A caller's child class may read more than the package's heads do.
        if HEADS[self.head].reads_first_token and is_package_class(type(model)):
            shape = tf.shape(ids)
            rows = [tf.reshape(x, (-1, shape[-1])) for x in (ids, mask)]  # choices as rows
            logits = model.compute_logits(model.base_model.encode_first(*rows))
            if self.head == "multiple_choice":
                logits = tf.reshape(logits, shape[:2])  # (B, C)
            output = {"logits": logits}
        else:
            output = self._token_outputs(model, ids, mask, inputs.get(WANTED))
        return {name: tf.cast(tensor, tf.float32) for name, tensor in output.items()}

    def _token_outputs(
        self, model: Any, ids: tf.Tensor, mask: tf.Tensor, wanted: tf.Tensor | None
    ) -> Mapping[str, tf.Tensor]:
        flags = {"output_attentions": False, "output_hidden_states": False, "return_dict": True}
        if wanted is None:
            return model(ids, mask, training=False, **flags)
        encoded = model.base_model(ids, mask, training=False, **flags)
        states = tf.boolean_mask(encoded.last_hidden_state, wanted != 0)  # (P, D)
        return name_outputs(
            self.head, states if self.head == "base" else model.compute_logits(states)
        )


as_runner = TensorFlowRunner  # by the same name in every framework


def available_device(device: str) -> str:
    """TensorFlow's name of a device; it would silently use the CPU for one that does not exist.

    Raises:
        InputError: TensorFlow has no such device.
    """
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
    if is_own_head(model):
        model = model.base_model  # all that a runner computes
    with deferred_init() if is_package_class(type(model)) else nullcontext():
        other = type(model)(model.config, name=model.name, dtype=policy)
    assign(other, canonical_arrays(model))
    if not is_package_class(type(model)):
        build_added_layers(other)
        for name, variable in added_variables(other).items():
            variable.assign(added_variables(model)[name])
    return other
