"""The Flax runner: a dict of NumPy arrays in, a dict of NumPy arrays out.

The only file of this package that decides the device and the dtype of inference. XLA compiles for
each shape, so batches are padded to a few shapes and the outputs are cut back.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import ConfigError, InputError
from distilbert.flax.heads import load_model
from distilbert.flax.loading import is_package_class
from distilbert.flax.own_modules import is_own
from distilbert.flax.pretrained import PreTrainedModel
from distilbert.flax.shapes import padded_length, padded_rows
from distilbert.flax.weights import cast, floating_dtype
from distilbert.heads import HEADS
from distilbert.input_checks import check_batch
from distilbert.runner import (
    ACCELERATOR_BATCH_TOKENS,
    CPU_BATCH_TOKENS,
    name_outputs,
    only_wanted,
)


def load_runner(
    request: LoadRequest, *, device: Any = None, dtype: Any = None, num_threads: int | None = None
) -> FlaxRunner:
    """The runner of the checkpoint that `request` describes.

    Raises:
        InputError: `num_threads` is given, which JAX does not take.
    """
    if num_threads is not None:
        raise InputError(
            f"`num_threads` cannot be chosen with Flax: got {num_threads!r}. Leave it out: JAX "
            f"takes the cores that the process may use, which `taskset` limits."
        )
    model, _ = load_model(request)
    return FlaxRunner(model, device, dtype)


class FlaxRunner:
    """A Flax model with NumPy arrays as inputs and outputs; takes over the model it is given."""

    def __init__(self, model: PreTrainedModel, device: Any = None, dtype: Any = None) -> None:
        """
        Args:
            device: a JAX device or a name such as "cpu" or "cuda:1"; None takes JAX's default.
            dtype: what to compute in, as a dtype or its name; None keeps the model's.

        Raises:
            InputError: `dtype` is not a floating type; JAX has no such device.
        """
        params = model.params
        model.gradient_checkpointing_disable()
        if dtype is not None:
            model.dtype = _floating(dtype)
            model.build_module()
            params = cast(params, model.dtype)
        model.params = jax.device_put(params, available_device(device))
        self.model = model
        self.head = model.head
        self.config = model.config
        is_cpu = jax.default_backend() == "cpu"
        self.preferred_batch_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS
        self.evaluate = _evaluation(model.module, self.head, is_plain=is_package_class(type(model)))

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        ids, mask = check_batch(batch, self.config, self.head, wanted)
        rows, length = len(ids), ids.shape[-1]
        sides = [(0, 0)] * ids.ndim
        sides[0] = (0, padded_rows(rows) - rows)
        if mask.any(-1).all():  # a row without visible keys attends to all: more would change it
            sides[-1] = (0, padded_length(length, self.config.max_position_embeddings) - length)
        per_token = not HEADS[self.head].reads_first_token
        indices, n_wanted = None, 0
        if wanted is not None and per_token and is_package_class(type(self.model)):
            chosen = np.flatnonzero(np.pad(wanted, sides))
            n_wanted = len(chosen)
            indices = np.pad(chosen, (0, padded_rows(n_wanted) - n_wanted)).astype(np.int32)
        outputs = self.evaluate(
            self.model.params, np.pad(ids.astype(np.int32), sides), np.pad(mask, sides), indices
        )
        if indices is not None:
            return {name: np.asarray(array)[:n_wanted] for name, array in outputs.items()}
        kept = (slice(rows), slice(length)) if per_token else (slice(rows),)
        arrays = {name: np.asarray(array)[kept] for name, array in outputs.items()}
        return only_wanted(self.head, arrays, wanted)

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        del self.model


as_runner = FlaxRunner  # by the same name in every framework


def available_device(device: Any) -> Any:
    """The JAX device of a name such as "cpu" or "cuda:1"; other values are returned as they are.

    Raises:
        InputError: JAX has no such device.
    """
    if not isinstance(device, str):
        return device
    platform, _, number = device.partition(":")
    try:
        return jax.devices(platform)[int(number or 0)]
    except (RuntimeError, ValueError, IndexError):
        known = ", ".join(f"{found.platform}:{found.id}" for found in jax.devices())
        raise InputError(
            f"`device` must be one that JAX sees: got {device!r}, not {known}."
        ) from None


def _floating(dtype: Any) -> Any:
    try:
        return floating_dtype("dtype", dtype)
    except ConfigError as error:  # a wrong argument, as in the other frameworks
        raise InputError(str(error)) from None


@functools.lru_cache(maxsize=8)
def _evaluation(module: Any, head: str, *, is_plain: bool) -> Any:
    """Compiled once for all runners of equal modules: training makes one at every evaluation."""

    def evaluate(params: Any, ids: jax.Array, mask: jax.Array, indices: jax.Array | None) -> Any:
        method = functools.partial(_outputs, head=head, is_plain=is_plain)
        outputs = module.apply({"params": params}, ids, mask, indices, method=method)
        return {name: array.astype(jnp.float32) for name, array in outputs.items()}

    return jax.jit(evaluate)


def _outputs(
    module: Any,
    ids: jax.Array,
    mask: jax.Array,
    indices: jax.Array | None,
    *,
    head: str,
    is_plain: bool,
) -> Mapping[str, jax.Array]:
    """Outputs by name; `indices` (P,) select tokens of the flattened batch."""
    # A caller's child class may read more than the package's heads do.
    if is_plain and HEADS[head].reads_first_token:
        rows = (x.reshape(-1, x.shape[-1]) for x in (ids, mask))  # choices as rows
        logits = module.compute_logits(module.distilbert.encode_first(*rows))
        return {"logits": logits.reshape(ids.shape[:2]) if head == "multiple_choice" else logits}
    if head == "base" and is_own(type(module)) and hasattr(module, "distilbert"):
        module = module.distilbert  # inside a user's head
    if indices is None:
        return module(ids, mask)
    encoder = module if head == "base" else module.distilbert
    states = encoder(ids, mask).last_hidden_state  # (B, S, D)
    states = states.reshape(-1, states.shape[-1])[indices]  # (P, D)
    return name_outputs(head, states if head == "base" else module.compute_logits(states))
