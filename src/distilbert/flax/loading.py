"""From a checkpoint to a model and its parameters: what `from_pretrained` does, step by step.

Which files hold the weights and how their names map is the business of `distilbert.checkpoint`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from distilbert.checkpoint.loading import (
    LoadRequest,
    check_report,
    fill_missing,
    match_checkpoint,
    own_keywords,
    read_source,
)
from distilbert.checkpoint.matching import LoadingReport
from distilbert.config import DistilBertConfig
from distilbert.flax.own_modules import encoder_prefix, load_additions, own_fields
from distilbert.flax.weights import Tree, floating_dtype, merged, to_tree

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel

Model = TypeVar("Model", bound="PreTrainedModel")


def load(
    model_class: type[Model],
    model_args: Sequence[Any],
    request: LoadRequest,
    kwargs: dict[str, Any],
    *,
    dtype: Any,
    torch_dtype: Any,
    ignore_mismatched_sizes: bool,
) -> tuple[Model, Tree, LoadingReport]:
    """A model without parameters, those of the checkpoint, and a report of what was missing.

    Raises:
        CheckpointError, WeightMismatchError, ConfigError, InputError, UnknownArgumentError: as
            described at `PreTrainedModel.from_pretrained`.
    """
    dtype = floating_dtype("dtype", dtype)  # both before any download
    stored = None
    if torch_dtype not in (None, "auto"):
        stored = floating_dtype("torch_dtype", torch_dtype)
    options = {name: kwargs.pop(name) for name in ("input_shape", "seed") if name in kwargs}
    options |= own_keywords(model_class, kwargs)
    fields = own_fields(model_class.module_class) & kwargs.keys()
    options |= {name: kwargs.pop(name) for name in fields if not hasattr(DistilBertConfig(), name)}
    config, checkpoint = read_source(request, kwargs)
    if stored is not None:
        config.torch_dtype = stored.name
    found, report = match_checkpoint(
        checkpoint, config, request, ignore_mismatched=ignore_mismatched_sizes
    )
    model = model_class(config, *model_args, dtype=dtype, _do_init=False, **options)
    arrays = fill_missing(found, config, request.head, seed=lambda: model.seed)
    prefix = encoder_prefix(model)
    params = to_tree(arrays, config, request.head, dtype=stored, prefix=prefix)
    params = merged(params, load_additions(model, checkpoint, report, stored))
    check_report(report, request, ignore_mismatched=ignore_mismatched_sizes)
    return model, params, report


def is_package_class(model_class: type) -> bool:
    """Whether a class is the package's own, not a child class of a user, which may hold more."""
    return model_class.__module__.startswith(f"{__package__}.")
