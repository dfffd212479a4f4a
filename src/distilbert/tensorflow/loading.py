"""From a checkpoint to a model that has its weights: what `from_pretrained` does, step by step.

Which files hold the weights and how their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import numpy as np

from distilbert.checkpoint.layout import to_canonical
from distilbert.checkpoint.loading import LoadRequest, check_report, fill_missing, read_source
from distilbert.checkpoint.matching import LoadingReport, match_parameters
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.layers import deferred_init
from distilbert.tensorflow.pretrained import PreTrainedModel
from distilbert.tensorflow.weights import assign, draw_seed, floating_dtype

Model = TypeVar("Model", bound=PreTrainedModel)


def load(
    model_class: type[Model],
    model_args: Sequence[Any],
    request: LoadRequest,
    kwargs: dict[str, Any],
    *,
    dtype: Any,
    name: str | None,
    ignore_mismatched_sizes: bool,
) -> tuple[Model, LoadingReport]:
    """Build a model, give it the checkpoint's weights, and say what was missing.

    Raises:
        CheckpointError, WeightMismatchError, ConfigError, InputError, TypeError: as described at
            `PreTrainedModel.from_pretrained`.
    """
    config, arrays = read_source(request, kwargs)
    policy = floating_dtype(dtype, config=config, arrays=arrays)
    if dtype is not None:
        config.torch_dtype = policy.variable_dtype
    found, report = match_parameters(arrays, config, model_class.head)
    check_report(report, model_class.__name__, ignore_mismatched=ignore_mismatched_sizes)
    options: dict[str, Any] = {} if name is None else {"name": name}
    if dtype is not None:  # a user's child class need not take keywords that nobody asked for
        options["dtype"] = policy
    # A user's child class may hold values of its own, so it is built with them.
    with deferred_init() if model_class in MODEL_CLASSES.values() else nullcontext():
        model = model_class(config, *model_args, **options)
    assign(model, fill_missing(found, config, model.head, seed=draw_seed))
    return model, report


def load_model(
    request: LoadRequest,
    *,
    dtype: Any = None,
    ignore_mismatched_sizes: bool = False,
    **changes: Any,
) -> tuple[PreTrainedModel, LoadingReport]:
    """The model that `request` describes; `changes` override fields of its config."""
    return load(
        MODEL_CLASSES[request.head],
        (),
        request,
        changes,
        dtype=dtype,
        name=None,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )


def canonical_state(state_dict: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a state dict under today's canonical names."""
    return to_canonical({name: np.asarray(value) for name, value in state_dict.items()}, "pt")
