"""From a checkpoint to a model that has its weights: what `from_pretrained` does, step by step.

Which files hold the weights and how their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from distilbert.checkpoint.layout import to_canonical
from distilbert.checkpoint.loading import (
    LoadRequest,
    check_report,
    fill_missing,
    read_source,
    resolve_dtype,
)
from distilbert.checkpoint.matching import LoadingReport, match_parameters
from distilbert.checkpoint.spec import parameter_spec
from distilbert.errors import InputError
from distilbert.torch.attention import check_implementation
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.pretrained import PreTrainedModel, deferred_init
from distilbert.torch.weights import assign, draw_seed, floating_dtype, to_array, to_tensor

Model = TypeVar("Model", bound=PreTrainedModel)


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
    """Build a model, give it the checkpoint's weights, and say what was missing.

    Raises:
        CheckpointError, WeightMismatchError, ConfigError, InputError, TypeError: as described at
            `PreTrainedModel.from_pretrained`.
    """
    wanted_dtype = _wanted_dtype(torch_dtype, kwargs)
    if request.attn_implementation is not None:
        check_implementation(request.attn_implementation)  # before any download
    config, arrays = read_source(request, kwargs)
    dtype = floating_dtype(wanted_dtype, config=config, arrays=arrays)
    if wanted_dtype is not None:
        config.torch_dtype = dtype
    found, report = match_parameters(arrays, config, model_class.head)
    device = _single_device(device_map)
    if model_class in MODEL_CLASSES.values():
        with deferred_init():
            model = model_class(config, *model_args)
        _fill(model, found, dtype=dtype, device=device)
    else:  # a user's child class may hold values of its own, so it is built with them
        model = model_class(config, *model_args).to(device=device, dtype=dtype)
        _fill(model, found, dtype=dtype, device=device)
        _fill_additions(model, arrays, report)
    check_report(report, model_class.__name__, ignore_mismatched=ignore_mismatched_sizes)
    return model.eval(), report


def load_model(
    request: LoadRequest, *, ignore_mismatched_sizes: bool = False, **changes: Any
) -> tuple[PreTrainedModel, LoadingReport]:
    """The float32 model that `request` describes; `changes` override fields of its config."""
    return load(
        MODEL_CLASSES[request.head],
        (),
        request,
        changes,
        torch_dtype=None,
        device_map=None,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )


def canonical_state(state_dict: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Arrays of their own, so that training the model does not change the caller's tensors."""
    arrays = {name: to_array(tensor).copy() for name, tensor in state_dict.items()}
    return to_canonical(arrays, "pt")


def _wanted_dtype(
    torch_dtype: torch.dtype | str | None, kwargs: dict[str, Any]
) -> torch.dtype | str | None:
    """`torch_dtype`, or what its newer name `dtype` says, which may also be a plain name."""
    newer = kwargs.pop("dtype", None)
    if isinstance(newer, str) and newer != "auto":
        newer = getattr(torch, newer, newer)
    return resolve_dtype(torch_dtype, newer)


def _single_device(device_map: str | torch.device | Mapping[str, Any] | None) -> torch.device:
    """The one device for all parameters; a model of this size is never split.

    Raises:
        InputError: several devices.
    """
    if isinstance(device_map, Mapping):
        devices = {torch.device(device) for device in device_map.values()}
        if len(devices) != 1:
            raise InputError(
                f"`device_map` must name one device for the whole model: got {dict(device_map)}."
            )
        return devices.pop()
    if device_map is None:
        return torch.get_default_device()
    if device_map == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(device_map)


def _fill(
    model: PreTrainedModel,
    found: Mapping[str, np.ndarray],
    *,
    dtype: torch.dtype,
    device: torch.device,
) -> None:
    """Turn every parameter from a shape into values: the found ones, and fresh ones."""
    arrays = fill_missing(found, model.config, model.head, seed=draw_seed)
    assign(model, arrays, dtype=dtype, device=device)
    model.tie_weights()


@torch.no_grad()
def _fill_additions(
    model: PreTrainedModel, arrays: Mapping[str, np.ndarray], report: LoadingReport
) -> None:
    """Load what a child class adds to the parameters of its head, by plain name."""
    known = {parameter.name for parameter in parameter_spec(model.config, model.head)}
    for name, tensor in model.state_dict().items():
        if name in known:
            continue
        if name not in arrays:
            report.missing_keys.append(name)
            continue
        report.unexpected_keys.remove(name)
        if tensor.shape == arrays[name].shape:
            tensor.copy_(to_tensor(arrays[name]))
        else:
            report.mismatched_keys.append((name, arrays[name].shape, tuple(tensor.shape)))
