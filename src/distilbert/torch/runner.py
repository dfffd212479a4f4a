"""The torch runner: a dict of NumPy arrays in, a dict of NumPy arrays out.

The only place of this room where device and dtype of inference are decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.input_checks import check_batch
from distilbert.runner import ACCELERATOR_BATCH_TOKENS, CPU_BATCH_TOKENS, only_wanted
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.loading import load_model
from distilbert.torch.pretrained import PreTrainedModel


def load_runner(request: LoadRequest, *, device: Any = None, dtype: Any = None) -> TorchRunner:
    """The runner of the checkpoint that `request` describes."""
    model, _ = load_model(request)
    return as_runner(model, device, dtype)


def as_runner(
    model: PreTrainedModel,
    device: str | torch.device | None = None,
    dtype: str | torch.dtype | None = None,
) -> TorchRunner:
    """The runner of a model, which it takes over."""
    return TorchRunner(model, device, dtype)


class TorchRunner:
    """A PyTorch model that answers with NumPy arrays. Takes the model over: moves and casts it."""

    def __init__(
        self,
        model: PreTrainedModel,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
    ) -> None:
        """
        Args:
            device: None takes the first CUDA device if there is one, else the CPU.
            dtype: what to compute in, as a dtype or its name; None keeps the model's.

        Raises:
            InputError: `dtype` is not a floating type, or there is no such device.
        """
        if device is None:
            device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = model.to(device=available_device(device), dtype=_floating(dtype)).eval()
        self.head = model.head
        self.config = model.config
        is_cpu = self.model.device.type == "cpu"
        self.preferred_batch_tokens = CPU_BATCH_TOKENS if is_cpu else ACCELERATOR_BATCH_TOKENS

    @torch.inference_mode()
    def run_batch(
        self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Evaluate one padded batch; see `distilbert.runner.Runner.run_batch`."""
        check_batch(batch, self.config, self.head)
        tensors = {
            name: torch.from_numpy(np.ascontiguousarray(array, np.int64)).to(self.model.device)
            for name, array in batch.items()
        }
        if "attention_mask" not in tensors:
            tensors["attention_mask"] = torch.ones_like(tensors["input_ids"])
        outputs = {name: found.float().cpu().numpy() for name, found in self._outputs(**tensors)}
        return only_wanted(outputs, wanted)

    def close(self) -> None:
        """Release the memory of the model; the runner cannot be used afterwards."""
        del self.model

    def _outputs(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor
    ) -> Iterable[tuple[str, torch.Tensor]]:
        model: Any = self.model
        # A caller's own class may read more than our heads do.
        if HEADS[self.head].reads_first_token and type(self.model) is MODEL_CLASSES[self.head]:
            ids, mask = (x.flatten(0, -2) for x in (input_ids, attention_mask))
            logits = model.compute_logits(model.base_model.encode_first(ids, mask))
            shape = (*input_ids.shape[:-1], logits.shape[-1])  # (B, N), or (B, C, 1)
            return [("logits", logits.view(shape).flatten(1))]
        return model(
            input_ids,
            attention_mask,
            output_attentions=False,
            output_hidden_states=False,
            return_dict=True,
        ).items()


def available_device(device: str | torch.device) -> torch.device:
    """
    Raises:
        InputError: this machine, or this build of PyTorch, has no such device.
    """
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"`device` must be one that PyTorch can use here: got {str(device)!r} ({reason})."
        ) from error
    return found


def _floating(dtype: str | torch.dtype | None) -> torch.dtype | None:
    found = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype is not None and not (isinstance(found, torch.dtype) and found.is_floating_point):
        raise InputError(f"`dtype` must be a floating type such as 'bfloat16': got {dtype!r}.")
    return found
