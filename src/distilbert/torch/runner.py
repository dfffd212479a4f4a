"""The torch runner: a dict of NumPy arrays in, a dict of NumPy arrays out.

Device and dtype of inference are chosen here and nowhere else in this package.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any, cast
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor

from distilbert.checkpoint.int8_rows import ranges_in
from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS
from distilbert.input_checks import check_batch
from distilbert.row_parts import divide_rows, join_rows
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS, name_outputs
from distilbert.threads import check_threads, fitting_threads, torch_threads
from distilbert.torch.heads import load_model
from distilbert.torch.inference import InferenceEncoder
from distilbert.torch.int8 import Int8Linear, RoundedLinear, int8_layers, int8_type
from distilbert.torch.loading import is_package_class, spec_model
from distilbert.torch.packing import pad_length, saves_work
from distilbert.torch.pretrained import PreTrainedModel
from distilbert.torch.threads import map_on_cores

logger = logging.getLogger(__name__)

# Tokens from which on a part of a batch is worth a thread of its own: with fewer, weights are what
# takes time, and threads that share an operator read them once.
MIN_PART_TOKENS = 192
# How many times more tokens per second a core computes alone than with others (docs/lab-notes.md).
GAIN_OF_PARTS = 1.28

_runners: WeakSet[TorchRunner] = WeakSet()


def _renew_locks() -> None:
    """In a forked process, where the threads that hold them do not exist."""
    for runner in _runners:
        runner._prepacking = Lock()


os.register_at_fork(after_in_child=_renew_locks)


def load_runner(
    request: LoadRequest, *, device: Any = None, dtype: Any = None, num_threads: int | None = None
) -> TorchRunner:
    """The runner of the checkpoint that `request` describes."""
    check_threads(num_threads)
    model, _ = load_model(request)
    ranges = ranges_in(Path(str(request.source)), request.formats, request.variant)
    options = {"num_threads": num_threads, "prepack": True, "input_ranges": ranges}
    return TorchRunner(model, device, dtype, **options)


class TorchRunner:
    """A PyTorch model that answers with NumPy arrays. Takes the model over: moves and casts it."""

    def __init__(
        self,
        model: PreTrainedModel,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        *,
        num_threads: int | None = None,
        prepack: bool = False,
        input_ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> None:
        """
        Args:
            device: None takes the first CUDA device if there is one, else the CPU.
            dtype: what to compute in, as a dtype or its name; None keeps the model's.
            num_threads: that compute one batch together; None leaves them as they are, unless the
                process may use fewer cores.
            prepack: on a CPU, compute with a copy of the layers' weights in a faster layout, for as
                long as the model stays as it is. Changes through `parameter.data` are not noticed.
            input_ranges: with `prepack`, compute layers of these names in int8; see
                `distilbert.torch.int8`.

        Raises:
            InputError: `dtype` is not a floating type, there is no such device, or a wrong number
                of threads.
        """
        check_threads(num_threads)
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        model = spec_model(model)
        # From weights in float32, whatever the rest is computed in.
        self._int8 = _int8_layers(model, device, _floating(dtype), input_ranges or {})
        self.model = model.to(device=available_device(device), dtype=_floating(dtype)).eval()
        self.head = model.head
        self.config = model.config
        self.num_threads = fitting_threads(num_threads, torch.get_num_threads())
        self._prepack = prepack and is_package_class(type(self.model))
        self._packed_encoder, self._prepacking = None, Lock()
        _runners.add(self)
        self.preferred_batch_tokens = ACCELERATOR_BATCH_TOKENS
        if self.model.device.type == "cpu":
            n_threads = self.num_threads or torch.get_num_threads()
            n_parts = n_threads if self._encoder() is not None else 1
            self.preferred_batch_tokens = CPU_BATCH_TOKENS * n_parts

    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        ids, mask = check_batch(batch, self.config, self.head, wanted)

        def run_part(rows: np.ndarray) -> dict[str, np.ndarray]:
            return self._run(ids[rows], mask[rows], None if wanted is None else wanted[rows])

        with torch_threads(torch, self.num_threads):
            parts = self._parts(mask)
            if len(parts) < 2:
                return self._run(ids, mask, wanted)
            return join_rows(self.head, parts, map_on_cores(run_part, parts), wanted)

    def _parts(self, mask: np.ndarray) -> list[np.ndarray]:
        """The rows of a batch for each thread; one part where threads share every operator."""
        n_tokens, n_threads = int(np.count_nonzero(mask)), torch.get_num_threads()
        n = min(n_threads, n_tokens // MIN_PART_TOKENS)
        if n < 2 or self._encoder() is None:
            return []
        parts = divide_rows(mask, n)
        largest = max(int(np.count_nonzero(mask[rows])) for rows in parts)
        return parts if largest * n_threads <= GAIN_OF_PARTS * n_tokens else []

    @torch.inference_mode()
    def _run(
        self, input_ids: np.ndarray, attention_mask: np.ndarray, wanted: np.ndarray | None
    ) -> dict[str, np.ndarray]:
        ids, mask = (
            torch.from_numpy(np.ascontiguousarray(array, np.int64)).to(self.model.device)
            for array in (input_ids, attention_mask)
        )
        chosen = None if wanted is None else torch.from_numpy(wanted).to(self.model.device)
        outputs = self._outputs(ids, mask, chosen)
        return {name: output.float().cpu().numpy() for name, output in outputs.items()}

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        del self.model, self._packed_encoder, self._int8

    def _encoder(self) -> InferenceEncoder | None:
        """The encoder with prepacked weights, or None where the model's own must compute."""
        if not self._prepack:
            return None
        with self._prepacking:  # threads that start together share one copy of the weights
            encoder = self._packed_encoder
            if encoder is not None and encoder.is_current():
                return encoder
            base = cast(Any, self.model).base_model
            can_compute = InferenceEncoder.can_compute(base)
            if encoder is not None and not encoder.has_weights():
                self._drop_int8("the weights of the model have changed")
            if not can_compute:
                if encoder is None:
                    self._drop_int8("it needs float32 or bfloat16, and attention by sdpa")
                return None  # the encoder stays, for a model that only has hooks for a while
            self._packed_encoder = InferenceEncoder(base, self._int8)
            return self._packed_encoder

    def _drop_int8(self, reason: str) -> None:
        if self._int8:
            logger.warning("int8 is not used: %s.", reason)
        self._int8 = {}

    def _outputs(
        self, input_ids: Tensor, attention_mask: Tensor, wanted: Tensor | None
    ) -> dict[str, Tensor]:
        """What the head computes, and from no other hidden states than it needs."""
        head, model = HEADS[self.head], cast(Any, self.model)
        if not is_package_class(type(model)):  # a user's subclass may compute more than heads do
            options = {"output_attentions": False, "output_hidden_states": False}
            outputs = model(input_ids, attention_mask, **options, return_dict=True)
            return {name: a if wanted is None else a[wanted] for name, a in outputs.items()}
        if head.reads_first_token:
            ids, mask = (x.flatten(0, -2) for x in (input_ids, attention_mask))  # choices as rows
            encoder = self._encoder() or model.base_model
            logits = model.compute_logits(encoder.encode_first(ids, mask))
            shape = (*input_ids.shape[:-1], logits.shape[-1])  # (B, N), or (B, C, 1)
            return {"logits": logits.view(shape).flatten(1)}
        states = self._states(input_ids, attention_mask)
        if wanted is not None:
            states = states[wanted]  # (P, D)
        return name_outputs(
            self.head, states if self.head == "base" else model.compute_logits(states)
        )

    def _states(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """The last hidden states (B, S, D); those of padding mean nothing."""
        packed = self._encoder()
        if packed is not None:
            states, packing = packed.encode(input_ids, attention_mask)
            return packing.unpack(states[None])
        encoder = cast(Any, self.model).base_model
        length, longest = input_ids.shape[1], self.config.max_position_embeddings
        ids, mask = pad_length(input_ids, longest), pad_length(attention_mask, longest)
        if saves_work(mask):
            output, packing = encoder.encode_packed(input_ids, attention_mask)
            return packing.unpack(output.last_hidden_state)
        return encoder(ids, mask, return_dict=True).last_hidden_state[:, :length]


def _int8_layers(
    model: PreTrainedModel,
    device: Any,
    dtype: torch.dtype | None,
    input_ranges: Mapping[str, tuple[float, float]],
) -> dict[str, Int8Linear | RoundedLinear]:
    """The layers of a model that have ranges, for a CPU."""
    if not input_ranges:
        return {}
    if torch.device(device).type != "cpu":
        logger.warning("int8 is for CPUs: the weights are computed with as floating-point numbers.")
        return {}
    base = cast(Any, model).base_model
    layers, kind = int8_layers(base), int8_type()
    unknown = input_ranges.keys() - layers.keys()
    if unknown:
        raise CheckpointError(
            f"Ranges in a file must be those of layers of the model: got {min(unknown)!r}, which "
            f"it does not have. Quantize the model again."
        )
    chosen: torch.dtype = dtype or base.dtype
    return {name: kind(layers[name], one, chosen) for name, one in input_ranges.items()}


as_runner = TorchRunner  # by the same name in every framework


def available_device(device: str | torch.device) -> torch.device:
    """The device, once it is known to work.

    Raises:
        InputError: this machine, or this build of PyTorch, has no such device.
    """
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"`device` must be one that PyTorch can use here: got {str(device)!r} ({reason})."
        ) from error
    return chosen


def _floating(dtype: str | torch.dtype | None) -> torch.dtype | None:
    chosen = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype is not None and not (isinstance(chosen, torch.dtype) and chosen.is_floating_point):
        raise InputError(f"`dtype` must be a floating type such as 'bfloat16': got {dtype!r}.")
    return chosen
