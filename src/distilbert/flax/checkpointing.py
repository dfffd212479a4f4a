"""Gradient checkpointing: blocks are computed again in the backward pass to save memory.

The functions are methods of `PreTrainedModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from distilbert.errors import InputError

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def gradient_checkpointing_enable(
    model: PreTrainedModel, gradient_checkpointing_kwargs: Mapping[str, Any] | None = None
) -> None:
    """Trade time for memory in training; keywords go to `flax.linen.remat`.

    Raises:
        InputError: a user's module has no field `checkpoint_options`.
    """
    before = model.checkpoint_options
    model.checkpoint_options = dict(gradient_checkpointing_kwargs or {})
    try:
        model.build_module()
    except InputError:
        model.checkpoint_options = before
        raise


def gradient_checkpointing_disable(model: PreTrainedModel) -> None:
    """Keep what the blocks compute until the backward pass, which is the default."""
    model.checkpoint_options = None
    model.build_module()
