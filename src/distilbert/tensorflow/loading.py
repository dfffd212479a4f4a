"""From a checkpoint to a model that has its weights: what `from_pretrained` does, step by step.

Which files hold the weights and how their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from distilbert.checkpoint.layout import to_canonical
from distilbert.checkpoint.loading import (
    LoadRequest,
    check_report,
    fill_missing,
    match_checkpoint,
    own_keywords,
    read_source,
)
from distilbert.checkpoint.matching import LoadingReport
from distilbert.tensorflow.layers import deferred_init
from distilbert.tensorflow.weights import assign, draw_seed, floating_dtype, load_additions

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel

Model = TypeVar("Model", bound="PreTrainedModel")


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
    """A model with the weights of a checkpoint, and a report of what was missing.

    Raises:
        CheckpointError, WeightMismatchError, ConfigError, InputError, UnknownArgumentError: as
            described at `PreTrainedModel.from_pretrained`.
    """
    extra = own_keywords(model_class, kwargs)
    config, arrays = read_source(request, kwargs)
    policy = floating_dtype(dtype, config=config, arrays=arrays)
    if dtype is not None:
        config.torch_dtype = policy.variable_dtype
    found, report = match_checkpoint(
        arrays, config, request, ignore_mismatched=ignore_mismatched_sizes
    )
    options: dict[str, Any] = {} if name is None else {"name": name}
    if dtype is not None:  # a user's child class may not take keywords that it was not passed
        options["dtype"] = policy
    # A user's child class may hold more than the parameters of its head: build it with values.
    with deferred_init() if is_package_class(model_class) else nullcontext():
        model = model_class(config, *model_args, **options, **extra)
    assign(model, fill_missing(found, config, model.head, seed=draw_seed))
    if not is_package_class(model_class):
        load_additions(model, arrays, report)
    check_report(report, request, ignore_mismatched=ignore_mismatched_sizes)
    return model, report


def is_package_class(model_class: type) -> bool:
    """Whether a class is the package's own, not a child class of a user, which may hold more."""
    return model_class.__module__.startswith(f"{__package__}.")


def canonical_state(state_dict: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The arrays of a state dict under today's canonical names."""
    return to_canonical({name: np.asarray(value) for name, value in state_dict.items()}, "pt")
