"""The Flax runner: a dict of NumPy arrays in, a dict of NumPy arrays out.

The only place of this room where device and dtype of inference are decided, and where something is
compiled. XLA compiles for each shape, so batches are padded to few shapes and answers cut back.
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
from distilbert.flax.loading import load_model
from distilbert.flax.pretrained import PreTrainedModel
from distilbert.flax.weights import cast, floating_dtype
from distilbert.heads import HEADS
from distilbert.input_checks import check_batch
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS, only_wanted

# The shortest length a batch is padded to; the next ones are 3/2 and 2 times as long, and so on.
SHORTEST = 16


def load_runner(request: LoadRequest, *, device: Any = None, dtype: Any = None) -> FlaxRunner:
    """The runner of the checkpoint that `request` describes."""
    model, _ = load_model(request)
    return as_runner(model, device, dtype)


def as_runner(model: PreTrainedModel, device: Any = None, dtype: Any = None) -> FlaxRunner:
    """The runner of a model, which it takes over."""
    return FlaxRunner(model, device, dtype)


class FlaxRunner:
    """A Flax model that answers with NumPy arrays. Takes the model over: moves and casts it."""

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
        self.evaluate = _evaluation(model.module)

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        check_batch(batch, self.config, self.head)
        ids = batch["input_ids"]
        mask = batch.get("attention_mask")
        mask = np.ones(ids.shape, bool) if mask is None else mask != 0
        rows, length = len(ids), ids.shape[-1]
        sides = [(0, 0)] * ids.ndim
        sides[0] = (0, padded_rows(rows) - rows)
        if mask.any(-1).all():  # a row without visible keys attends to all: more would change it
            sides[-1] = (0, padded_length(length, self.config.max_position_embeddings) - length)
        outputs = self.evaluate(
            self.model.params, np.pad(ids.astype(np.int32), sides), np.pad(mask, sides)
        )
        per_token = not HEADS[self.head].reads_first_token
        kept = (slice(rows), slice(length)) if per_token else (slice(rows),)
        arrays = {name: np.asarray(array)[kept] for name, array in outputs.items()}
        return only_wanted(arrays, wanted)

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        del self.model


def available_device(device: Any) -> Any:
    """The JAX device of a name such as "cpu" or "cuda:1"; what is no name stays as it is.

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
    except ConfigError as error:  # a wrong argument here, as in the other rooms
        raise InputError(str(error)) from None


@functools.lru_cache(maxsize=8)
def _evaluation(module: Any) -> Any:
    """Compiled once for all runners of equal modules: training makes one at every evaluation."""

    def evaluate(params: Any, input_ids: jax.Array, attention_mask: jax.Array) -> Any:
        outputs = module.apply({"params": params}, input_ids, attention_mask)
        return {name: array.astype(jnp.float32) for name, array in outputs.items()}

    return jax.jit(evaluate)


def padded_length(length: int, longest: int) -> int:
    """The next of 16, 24, 32, 48, 64, 96, ..., at most the model's longest: few shapes to compile
    for at the price of a third of padding in the worst case, which masks leave without effect."""
    step = SHORTEST
    while step < length:
        step = step * 3 // 2 if step & (step - 1) == 0 else step * 4 // 3
    return max(length, min(step, longest))


def padded_rows(rows: int) -> int:
    """The next power of two; none stays none."""
    return 1 << (rows - 1).bit_length() if rows else 0
