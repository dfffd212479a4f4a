"""From a checkpoint to a model that has its weights: what `from_pretrained` does, step by step.

Which files hold the weights and how their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.hub import HubOptions, resolve, take_hub_options
from distilbert.checkpoint.layout import to_canonical
from distilbert.checkpoint.matching import LoadingReport, match_parameters
from distilbert.checkpoint.spec import parameter_spec, tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError, WeightMismatchError
from distilbert.torch.attention import check_implementation
from distilbert.torch.heads import MODEL_CLASSES
from distilbert.torch.pretrained import PreTrainedModel, no_values
from distilbert.torch.weights import assign, floating_dtype, fresh_arrays, to_array, to_tensor

Model = TypeVar("Model", bound=PreTrainedModel)

logger = logging.getLogger(__name__)

# Keywords of the reference that ask for what always happens here: building without values first,
# and never running code out of a checkpoint.
SETTLED_KEYWORDS = ("low_cpu_mem_usage", "trust_remote_code")


@dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """The arguments of `from_pretrained` of the same names."""

    source: str | PathLike[str] | None
    config: DistilBertConfig | str | PathLike[str] | None
    ignore_mismatched_sizes: bool
    torch_dtype: torch.dtype | str | None
    state_dict: Mapping[str, Tensor] | None
    from_tf: bool
    from_flax: bool
    use_safetensors: bool | None
    attn_implementation: str | None
    variant: str | None
    device_map: str | torch.device | Mapping[str, Any] | None

    @property
    def formats(self) -> tuple[str, ...]:
        """Formats to look for, the preferred one first."""
        if self.from_tf:
            return ("h5",)
        if self.from_flax:
            return ("msgpack",)
        if self.use_safetensors is None:
            return ("safetensors", "bin")
        return ("safetensors",) if self.use_safetensors else ("bin",)


def load(
    model_class: type[Model],
    model_args: Sequence[Any],
    options: LoadOptions,
    kwargs: dict[str, Any],
) -> tuple[Model, LoadingReport]:
    """Build a model, give it the checkpoint's weights, and say what was missing.

    Raises:
        CheckpointError, WeightMismatchError, ConfigError, InputError, TypeError: as described at
            `PreTrainedModel.from_pretrained`.
    """
    hub = take_hub_options(kwargs)
    for name in SETTLED_KEYWORDS:
        kwargs.pop(name, None)
    wanted_dtype = _wanted_dtype(options.torch_dtype, kwargs)
    if options.attn_implementation is not None:
        check_implementation(options.attn_implementation)  # before any download
    folder = _weights_folder(options, hub)
    config = _load_config(model_class, folder, options, hub, kwargs)
    config.check_buildable(model_class.head)
    if folder is None:
        assert options.state_dict is not None
        arrays: Mapping[str, np.ndarray] = _copied(options.state_dict)
    else:
        arrays = open_checkpoint(folder, formats=options.formats, variant=options.variant)
    dtype = floating_dtype(wanted_dtype, config=config, arrays=arrays)
    if wanted_dtype is not None:
        config.torch_dtype = dtype
    found, report = match_parameters(arrays, config, model_class.head)
    device = _single_device(options.device_map)
    if model_class in MODEL_CLASSES.values():
        with no_values():
            model = model_class(config, *model_args)
        _fill(model, found, dtype=dtype, device=device)
    else:  # a user's child class may hold values of its own, so it is built with them
        model = model_class(config, *model_args).to(device=device, dtype=dtype)
        _fill(model, found, dtype=dtype, device=device)
        _fill_additions(model, arrays, report)
    _check_report(report, model_class.__name__, ignore_mismatched=options.ignore_mismatched_sizes)
    return model.eval(), report


def _wanted_dtype(
    torch_dtype: torch.dtype | str | None, kwargs: dict[str, Any]
) -> torch.dtype | str | None:
    """`torch_dtype`, or what its newer name `dtype` says, which may also be a plain name."""
    newer = kwargs.pop("dtype", None)
    if isinstance(newer, str) and newer != "auto":
        newer = getattr(torch, newer, newer)
    if torch_dtype is not None and newer is not None and torch_dtype != newer:
        raise InputError(
            f"`dtype` and `torch_dtype` are one argument: got {newer!r} and {torch_dtype!r}. Pass "
            f"one of them."
        )
    return newer if torch_dtype is None else torch_dtype


def _weights_folder(options: LoadOptions, hub: HubOptions) -> Path | None:
    if options.state_dict is not None:
        return None
    if options.source is None:
        raise InputError("Without a checkpoint to load, `state_dict` must hold the weights.")
    return resolve(
        options.source,
        want="weights",
        formats=options.formats,
        variant=options.variant,
        **hub.as_keywords(),
    )


def _load_config(
    model_class: type[PreTrainedModel],
    folder: Path | None,
    options: LoadOptions,
    hub: HubOptions,
    kwargs: dict[str, Any],
) -> DistilBertConfig:
    """The config with the caller's overrides, as an object of its own."""
    if isinstance(options.config, DistilBertConfig):
        config = copy.deepcopy(options.config)
        unused = {name: value for name, value in kwargs.items() if not hasattr(config, name)}
        config.update({name: value for name, value in kwargs.items() if name not in unused})
    elif options.config is not None:
        config, unused = _read_config(options.config, hub, kwargs)
    elif folder is not None:
        config, unused = _read_config(folder, HubOptions(), kwargs)
    elif options.source is not None:
        config, unused = _read_config(options.source, hub, kwargs)
    else:
        raise InputError("Without a checkpoint to load, `config` must be given.")
    if unused:
        raise TypeError(
            f"`{model_class.__name__}.from_pretrained` got unknown keywords: "
            f"{', '.join(sorted(unused))}. They name neither an option nor a config attribute."
        )
    if options.source is not None:
        config.name_or_path = str(options.source)
    if options.attn_implementation is not None:
        config._attn_implementation = options.attn_implementation
    return config


def _read_config(
    source: str | PathLike[str], hub: HubOptions, kwargs: dict[str, Any]
) -> tuple[DistilBertConfig, dict[str, Any]]:
    return DistilBertConfig.from_pretrained(
        source, return_unused_kwargs=True, **hub.as_keywords(), **kwargs
    )


def _copied(state_dict: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """Arrays of their own, so that training the model does not change the caller's tensors."""
    arrays = {name: to_array(tensor).copy() for name, tensor in state_dict.items()}
    return to_canonical(arrays, "pt")


def _check_report(report: LoadingReport, class_name: str, *, ignore_mismatched: bool) -> None:
    if report.mismatched_keys and not ignore_mismatched:
        listed = "; ".join(
            f"`{name}` is {tuple(there)}, the model needs {tuple(here)}"
            for name, there, here in report.mismatched_keys
        )
        raise WeightMismatchError(
            f"Tensors of the checkpoint must have the shapes of `{class_name}`: {listed}. Change "
            f"the config, or pass `ignore_mismatched_sizes=True` to start these afresh."
        )
    fresh = [*report.missing_keys, *(name for name, _, _ in report.mismatched_keys)]
    told = {*report.fresh_encoder, *report.fresh_head}
    rest = ", ".join(name for name in fresh if name not in told)
    if fresh:
        more = f" Fresh values were given to: {rest}." if rest else ""
        logger.warning("%s: %s%s", class_name, report.verdict(), more)
    elif report.unexpected_keys:
        logger.info("%s does not use: %s.", class_name, ", ".join(report.unexpected_keys))


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
    tied = tied_parameters(model.config, model.head)
    names = [p.name for p in parameter_spec(model.config, model.head) if p.name not in tied]
    missing = [name for name in names if name not in found]
    arrays = {name: found[name] for name in names if name in found}
    if missing:
        arrays |= fresh_arrays(model.config, model.head, seed=None, names=missing)
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
