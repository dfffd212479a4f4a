"""NumPy arrays to parameters and back, without copying where that is possible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import ml_dtypes
import numpy as np
import torch
from torch import Tensor, nn

from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, ConfigError


def deferred_init() -> torch.device:
    """A context in which modules get shapes but no values; see `PreTrainedModel.materialize`."""
    return torch.device("meta")


def to_tensor(array: np.ndarray) -> Tensor:
    """A tensor over the memory of `array`; copied only where PyTorch could not write to it."""
    if array.dtype == ml_dtypes.bfloat16:  # NumPy has no such type: the bits travel as integers
        return to_tensor(array.view(np.int16)).view(torch.bfloat16)
    if not (array.flags.writeable and array.flags.aligned and array.dtype.isnative):
        array = array.astype(array.dtype.newbyteorder("="))
    return torch.from_numpy(array)


def to_array(tensor: Tensor) -> np.ndarray:
    """An array with the values of `tensor`; it shares the memory of a tensor on the CPU."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype == torch.bfloat16:
        return tensor.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return tensor.numpy()


def check_not_quantized(tensors: Mapping[str, Any]) -> None:
    """Raise CheckpointError for tensors in forms that no checkpoint file of DistilBERT holds."""
    wrong = [
        name
        for name, tensor in tensors.items()
        if not isinstance(tensor, Tensor) or tensor.is_quantized
    ]
    if wrong:
        raise CheckpointError(
            f"A checkpoint holds plain tensors: the model is quantized ({', '.join(wrong[:3])}). "
            f"Save it before you quantize it, or use `torch.save(model.state_dict(), path)`."
        )


def assign(
    model: nn.Module,
    arrays: Mapping[str, np.ndarray],
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    """Make the arrays the parameters of `model`, replacing the ones of these names.

    An array that already has the dtype and is on the device becomes the parameter itself. If it is
    memory-mapped (copy on write), the file is read page by page as the model is used, and never
    changed.
    """
    for name, array in arrays.items():
        path, _, leaf = name.rpartition(".")
        module = model.get_submodule(path)
        old = module.get_parameter(leaf)
        tensor = to_tensor(array).to(device=device, dtype=dtype).contiguous()
        setattr(module, leaf, nn.Parameter(tensor, requires_grad=old.requires_grad))


def initial_arrays(
    config: DistilBertConfig, head: str, *, seed: int | None, names: Iterable[str] | None = None
) -> dict[str, np.ndarray]:
    """Initial weights; without a seed, one is drawn from PyTorch's default generator."""
    seed = draw_seed() if seed is None else seed
    return initial_weights(config, head, seed, names=None if names is None else set(names))


def draw_seed() -> int:
    """A seed from PyTorch's default generator, so that `torch.manual_seed` decides."""
    return int(torch.randint(2**31, (), device="cpu"))


def floating_dtype(
    torch_dtype: torch.dtype | str | None,
    *,
    config: DistilBertConfig,
    arrays: Mapping[str, np.ndarray],
) -> torch.dtype:
    """The dtype a model is loaded in.

    Args:
        torch_dtype: a dtype; None for PyTorch's default; "auto" for the config's, or else that of
            the first floating array.

    Raises:
        ConfigError: anything else, or a dtype that is not floating.
    """
    if torch_dtype is None:
        return torch.get_default_dtype()
    if torch_dtype == "auto":
        if config.torch_dtype is not None:
            return config.torch_dtype
        dtypes = (to_tensor(array).dtype for array in arrays.values())
        return next((dtype for dtype in dtypes if dtype.is_floating_point), torch.float32)
    if not isinstance(torch_dtype, torch.dtype) or not torch_dtype.is_floating_point:
        raise ConfigError(
            f"`torch_dtype` must be a floating torch.dtype or 'auto': got {torch_dtype!r}."
        )
    return torch_dtype
