"""What `from_pretrained` does in every framework: from a source and keywords to config and arrays.

The framework packages build the model and choose dtype and device.
"""

from __future__ import annotations

import copy
import inspect
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np

from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.hub import HubOptions, resolve, take_hub_options
from distilbert.checkpoint.init import initial_weights
from distilbert.checkpoint.matching import LoadingReport, match_parameters
from distilbert.checkpoint.spec import parameter_spec, tied_parameters
from distilbert.config import DistilBertConfig
from distilbert.errors import (
    CheckpointError,
    InputError,
    UnknownArgumentError,
    WeightMismatchError,
)
from distilbert.heads import HEADS

logger = logging.getLogger(__name__)

# Keywords of the reference without effect: models are always built without values first, and code
# in a checkpoint is never run.
IMPLIED_KEYWORDS = ("low_cpu_mem_usage", "_fast_init", "trust_remote_code")

# Values of parameters that a file lacks: at most this many, unless its own are a part of this size
# or more. A head and a new table of positions have less; the sizes in a config are only claims.
MAX_INITIAL = 64 * 1024 * 1024
LEAST_PART = 1 / 16

Source = str | PathLike[str]

# What must come from the file: as on the reference page, which initializes what is missing, if any
# of the encoder's blocks does; the encoder, to train a head on it; or all of it, to give answers.
Needs = Literal["page", "encoder", "all"]


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """The arguments of `from_pretrained` that mean the same in every framework.

    `state` holds canonical arrays to use instead of the checkpoint's; `formats` come from
    `checkpoint.preference`.
    """

    class_name: str
    head: str
    source: Source | None
    formats: tuple[str, ...]
    config: DistilBertConfig | Source | None = None
    state: Mapping[str, np.ndarray] | None = None
    variant: str | None = None
    attn_implementation: str | None = None
    needs: Needs = "page"


def read_source(
    request: LoadRequest, kwargs: Mapping[str, Any]
) -> tuple[DistilBertConfig, Mapping[str, np.ndarray]]:
    """The config with the caller's overrides, and all arrays of the checkpoint.

    Args:
        kwargs: the hub's keywords and overrides of config attributes.

    Returns:
        A new config, and canonical names to arrays with the prefix as in the files.

    Raises:
        CheckpointError: weights or config are missing or damaged.
        ConfigError, ActivationError: no such model can be built.
        InputError: neither a source nor arguments that replace it.
        UnknownArgumentError: an unknown keyword.
    """
    rest = {name: value for name, value in kwargs.items() if name not in IMPLIED_KEYWORDS}
    hub = take_hub_options(rest)
    folder = _weights_folder(request, hub)
    config = _load_config(request, folder, hub, rest)
    config.check_buildable(request.head)
    if folder is None:
        assert request.state is not None
        return config, request.state
    return config, open_checkpoint(folder, formats=request.formats, variant=request.variant)


def own_keywords(model_class: type, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Pop the parameters of the constructor of a user's class that are not in the config.

    A config attribute of the same name is overridden instead, as in the reference.
    """
    if model_class.__module__.startswith("distilbert."):
        return {}
    names = list(inspect.signature(model_class).parameters)[1:]
    fields = DistilBertConfig()
    own = [name for name in names if name in kwargs and not hasattr(fields, name)]
    return {name: kwargs.pop(name) for name in own}


def _weights_folder(request: LoadRequest, hub: HubOptions) -> Path | None:
    if request.state is not None:
        return None
    if request.source is None:
        raise InputError("Without a checkpoint to load, `state_dict` must hold the weights.")
    return resolve(
        request.source,
        want="weights",
        formats=request.formats,
        variant=request.variant,
        **hub.as_keywords(),
    )


def _load_config(
    request: LoadRequest, folder: Path | None, hub: HubOptions, kwargs: dict[str, Any]
) -> DistilBertConfig:
    if isinstance(request.config, DistilBertConfig):
        config = copy.deepcopy(request.config)
        unused = {name: value for name, value in kwargs.items() if not hasattr(config, name)}
        config.update({name: value for name, value in kwargs.items() if name not in unused})
    else:
        source = request.config or folder or request.source
        if source is None:
            raise InputError("Without a checkpoint to load, `config` must be given.")
        options = {} if source is folder else hub.as_keywords()  # `folder` includes `subfolder`
        config, unused = DistilBertConfig.from_pretrained(
            source, return_unused_kwargs=True, **options, **kwargs
        )
    if unused:
        raise UnknownArgumentError(
            f"`{request.class_name}.from_pretrained` got unknown keywords: "
            f"{', '.join(sorted(unused))}. They name neither an option nor a config attribute."
        )
    if request.source is not None:
        config.name_or_path = str(request.source)
    if request.attn_implementation is not None:
        config._attn_implementation = request.attn_implementation
    return config


def resolve_dtype(torch_dtype: Any, dtype: Any) -> Any:
    """The type given as `torch_dtype` or by its newer name `dtype`.

    Raises:
        InputError: two different types.
    """
    if torch_dtype is not None and dtype is not None and torch_dtype != dtype:
        raise InputError(
            f"`dtype` and `torch_dtype` are the same argument: got {dtype!r} and {torch_dtype!r}. "
            f"Pass one of them."
        )
    return dtype if torch_dtype is None else torch_dtype


def match_checkpoint(
    arrays: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    request: LoadRequest,
    *,
    ignore_mismatched: bool,
) -> tuple[dict[str, np.ndarray], LoadingReport]:
    """`match_parameters`, and what must be known before a model is built or values are drawn.

    Raises:
        WeightMismatchError: tensors of another shape, unless they are to be ignored.
        CheckpointError: a file of few values claims to be a large model.
    """
    found, report = match_parameters(arrays, config, request.head)
    if not ignore_mismatched:
        _check_shapes(report, request)
    _check_sizes(found, config, request.head)
    return found, report


def _check_sizes(found: Mapping[str, np.ndarray], config: DistilBertConfig, head: str) -> None:
    tied = tied_parameters(config, head)
    n_all = sum(
        math.prod(row.shape) for row in parameter_spec(config, head) if row.name not in tied
    )
    n_found = sum(array.size for array in found.values())
    if n_all - n_found > MAX_INITIAL and n_found < LEAST_PART * n_all:
        raise CheckpointError(
            f"A checkpoint must hold the model that its config describes: it has {n_found} of "
            f"{n_all} values. Check the sizes in `config.json`; for a model without a checkpoint, "
            f"pass the config to its class."
        )


def fill_missing(
    arrays: Mapping[str, np.ndarray],
    config: DistilBertConfig,
    head: str,
    *,
    seed: Callable[[], int],
) -> dict[str, np.ndarray]:
    """`arrays` and initial values for every other parameter, in the order of the spec.

    Tied parameters are left out: their partner carries the values. `seed` is only called when an
    initial value is needed.
    """
    tied = tied_parameters(config, head)
    names = [row.name for row in parameter_spec(config, head) if row.name not in tied]
    missing = [name for name in names if name not in arrays]
    initial = initial_weights(config, head, seed(), names=missing) if missing else {}
    return {name: arrays[name] if name in arrays else initial[name] for name in names}


def check_report(
    report: LoadingReport, request: LoadRequest, *, ignore_mismatched: bool = False
) -> None:
    """Raise for differences that are not allowed, and log the others.

    Raises:
        WeightMismatchError: tensors of another shape, unless they are to be ignored.
        CheckpointError: what the request needs did not come from the file.
    """
    if not ignore_mismatched:
        _check_shapes(report, request)
    _check_needs(report, request)
    initialized = [*report.missing_keys, *(name for name, _, _ in report.mismatched_keys)]
    name = request.class_name
    in_verdict = {*report.initialized_encoder, *report.initialized_head}
    others = ", ".join(name for name in initialized if name not in in_verdict)
    if initialized or report.surplus_layers or report.other_head:
        more = f" Initial values were used for: {others}." if others else ""
        logger.warning("%s: %s%s", name, report.verdict(), more)
    elif report.unexpected_keys:
        logger.info("%s does not use: %s.", name, ", ".join(report.unexpected_keys))


def _check_shapes(report: LoadingReport, request: LoadRequest) -> None:
    if report.mismatched_keys:
        listed = "; ".join(
            f"`{name}` is {tuple(in_file)}, the model needs {tuple(in_model)}"
            for name, in_file, in_model in report.mismatched_keys
        )
        raise WeightMismatchError(
            f"Tensors of the checkpoint must have the shapes of `{request.class_name}`: {listed}. "
            f"Change the config, or pass `ignore_mismatched_sizes=True` to initialize them instead."
        )


def _check_needs(report: LoadingReport, request: LoadRequest) -> None:
    faults, advice = report.encoder_faults(), "Load a complete checkpoint of a DistilBERT."
    if request.needs == "page" and report.n_encoder_loaded:
        faults = []
    if request.needs == "all" and not faults:
        faults = report.head_faults()
        task = HEADS[request.head].task
        train = f"Train it with `distilbert finetune --task {task}`, or l" if task else "L"
        advice = (
            f"{train}oad another model. To use this one untrained, pass "
            f"`allow_untrained=True` (`--allow-untrained`)."
        )
    if faults:
        source = "the given weights" if request.source is None else str(request.source)
        raise CheckpointError(
            f"`{request.class_name}` cannot be used with {source}: {' '.join(faults)} {advice}"
        )
