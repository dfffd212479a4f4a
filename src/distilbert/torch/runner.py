"""The torch runner: a dict of NumPy arrays in, a dict of NumPy arrays out.

Device and dtype of inference are chosen here and nowhere else in this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.input_checks import check_batch
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS, name_outputs
from distilbert.torch.heads import load_model
from distilbert.torch.inference import InferenceEncoder
from distilbert.torch.loading import is_package_class, spec_model
from distilbert.torch.packing import pad_length, saves_work
from distilbert.torch.pretrained import PreTrainedModel


def load_runner(request: LoadRequest, *, device: Any = None, dtype: Any = None) -> TorchRunner:
    """The runner of the checkpoint that `request` describes."""
    model, _ = load_model(request)
    return TorchRunner(model, device, dtype, prepack=True)


class TorchRunner:
    """A PyTorch model that answers with NumPy arrays. Takes the model over: moves and casts it."""

    def __init__(
        self,
        model: PreTrainedModel,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        *,
        prepack: bool = False,
    ) -> None:
        """
        Args:
            device: None takes the first CUDA device if there is one, else the CPU.
            dtype: what to compute in, as a dtype or its name; None keeps the model's.
            prepack: on a CPU, compute with a copy of the layers' weights in a faster layout, for as
                long as the model stays as it is. Changes through `parameter.data` are not noticed.

        Raises:
            InputError: `dtype` is not a floating type, or there is no such device.
        """
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        model = spec_model(model)
        self.model = model.to(device=available_device(device), dtype=_floating(dtype)).eval()
        self.head = model.head
        self.config = model.config
        is_cpu = self.model.device.type == "cpu"
        self.preferred_batch_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS
        self._prepack, self._packed_encoder = prepack, None

    @torch.inference_mode()
    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        arrays = check_batch(batch, self.config, self.head, wanted)
        ids, mask = (
            torch.from_numpy(np.ascontiguousarray(array, np.int64)).to(self.model.device)
            for array in arrays
        )
        chosen = None if wanted is None else torch.from_numpy(wanted).to(self.model.device)
        if is_package_class(type(self.model)):
            outputs = self._outputs(ids, mask, chosen)
        else:  # a user's subclass may compute more than our heads do
            options = {"output_attentions": False, "output_hidden_states": False}
            outputs = self.model(ids, mask, **options, return_dict=True)
            if chosen is not None:
                outputs = {name: output[chosen] for name, output in outputs.items()}
        return {name: output.float().cpu().numpy() for name, output in outputs.items()}

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        del self.model, self._packed_encoder

    def _encoder(self) -> InferenceEncoder | None:
        """The encoder with prepacked weights, or None where the model's own must compute."""
        encoder = self._packed_encoder
        if not self._prepack or (encoder is not None and encoder.is_current()):
            return encoder
        base = cast(Any, self.model).base_model
        self._packed_encoder = (
            InferenceEncoder(base) if InferenceEncoder.can_compute(base) else None
        )
        return self._packed_encoder

    def _outputs(
        self, input_ids: Tensor, attention_mask: Tensor, wanted: Tensor | None
    ) -> dict[str, Tensor]:
        """What the head computes, and from no other hidden states than it needs."""
        head, model = HEADS[self.head], cast(Any, self.model)
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
