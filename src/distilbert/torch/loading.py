"""Loads a checkpoint into a model: the steps of `from_pretrained`.

`distilbert.checkpoint` finds the files of the weights and maps their names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from distilbert.checkpoint.layout import to_canonical
from distilbert.checkpoint.loading import (
    LoadRequest,
    check_report,
    fill_missing,
    match_checkpoint,
    own_keywords,
    read_source,
    resolve_dtype,
)
from distilbert.checkpoint.matching import LoadingReport, match_additions
from distilbert.checkpoint.spec import parameter_spec
from distilbert.errors import InputError
from distilbert.torch.attention import check_implementation
from distilbert.torch.weights import (
    assign,
    deferred_init,
    draw_seed,
    floating_dtype,
    to_array,
    to_tensor,
)

if TYPE_CHECKING:
    from distilbert.torch.pretrained import PreTrainedModel

Model = TypeVar("Model", bound="PreTrainedModel")


def load(
    model_class: type[Model],
    model_args: Sequence[Any],
    request: LoadRequest,
    kwargs: dict[str, Any],
    *,
    torch_dtype: torch.dtype | str | None,
    device_map: str | torch.device | Mapping[str, Any] | None,
    ignore_mismatched_sizes: bool,
) -> tuple[Model, LoadingReport]:
    """Build a model, load the checkpoint's weights into it, and report what did not match.

    Raises:
        CheckpointError, WeightMismatchError, ConfigError, InputError, UnknownArgumentError: as
            described at `PreTrainedModel.from_pretrained`.
    """
    requested_dtype = _requested_dtype(torch_dtype, kwargs)
    if request.attn_implementation is not None:
        check_implementation(request.attn_implementation)  # before any download
    extra = own_keywords(model_class, kwargs)
    config, arrays = read_source(request, kwargs)
    dtype = floating_dtype(requested_dtype, config=config, arrays=arrays)
    if requested_dtype is not None:
        config.torch_dtype = dtype
    matched, report = match_checkpoint(
        arrays, config, request, ignore_mismatched=ignore_mismatched_sizes
    )
    device = _single_device(device_map)
    if is_package_class(model_class):
        with deferred_init():
            model = model_class(config, *model_args)
    else:  # its own parameters and buffers keep the values that it initializes them with
        model = model_class(config, *model_args, **extra).to(device=device, dtype=dtype)
    matched = fill_missing(matched, model.config, model.head, seed=draw_seed)
    assign(spec_model(model), matched, dtype=dtype, device=device)
    model.tie_weights()
    _load_additions(model, arrays, report)
    check_report(report, request, ignore_mismatched=ignore_mismatched_sizes)
    return model.eval(), report


def is_package_class(model_class: type) -> bool:
    """Whether this package defines the class; a user's subclass may compute and hold more."""
    return model_class.__module__.startswith(f"{__package__}.")


def spec_model(model: PreTrainedModel) -> PreTrainedModel:
    """The part that the spec describes; for a user's head around an encoder, the encoder."""
    return model.base_model if model.head == "base" else model


def spec_names(model: PreTrainedModel) -> set[str]:
    """The names that the parameters of the spec have in the model."""
    prefix = "" if spec_model(model) is model else f"{model.base_model_prefix}."
    return {prefix + parameter.name for parameter in parameter_spec(model.config, model.head)}


def canonical_state(state_dict: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Copied arrays, so that training the model does not change the caller's tensors."""
    arrays = {name: to_array(tensor).copy() for name, tensor in state_dict.items()}
    return to_canonical(arrays, "pt")


def _requested_dtype(
    torch_dtype: torch.dtype | str | None, kwargs: dict[str, Any]
) -> torch.dtype | str | None:
    """`torch_dtype`, or the value of its newer name `dtype`, which may also be a string."""
    newer = kwargs.pop("dtype", None)
    if isinstance(newer, str) and newer != "auto":
        newer = getattr(torch, newer, newer)
    return resolve_dtype(torch_dtype, newer)


def _single_device(device_map: str | torch.device | Mapping[str, Any] | None) -> torch.device:
    """The device for all parameters; a model of this size is never split.

    Raises:
        InputError: several devices.
    """
    if isinstance(device_map, Mapping):
        devices = {torch.device(device) for device in device_map.values()}
        if len(devices) != 1:
            raise InputError(
                f"`device_map` must name one device for all parts of the model: got "
                f"{dict(device_map)}."
            )
        return devices.pop()
    if device_map is None:
        return torch.get_default_device()
    if device_map == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device_map)


@torch.no_grad()
def _load_additions(
    model: PreTrainedModel, arrays: Mapping[str, np.ndarray], report: LoadingReport
) -> None:
    """Load the tensors that a user's subclass adds to those of its head, by their names."""
    known = spec_names(model)
    added = {name: each for name, each in model.state_dict().items() if name not in known}
    shapes = {name: tuple(tensor.shape) for name, tensor in added.items()}
    for name, array in match_additions(arrays, shapes, report).items():
        added[name].copy_(to_tensor(array))
