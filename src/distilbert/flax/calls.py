"""Calls of a model: checks of values, and applying the module.

An array inside a trace of JAX has no values, so they are checked before the module is applied, or
not at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from flax.errors import InvalidRngError
from jax import Array
from jax.core import Tracer

from distilbert.config import DistilBertConfig
from distilbert.errors import InputError
from distilbert.flax.own_modules import call_arguments
from distilbert.input_checks import (
    check_ids,
    check_position_range,
    check_tensors,
    has_warned_of_padding,
    warn_of_unmasked_padding,
)

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def check_values(input_ids: Any, config: DistilBertConfig, *, is_masked: bool) -> None:
    """Check ids outside of a trace; warn once of padding without a mask.

    Raises:
        InputError: a mapping in place of ids.
        TokenIdError: an id is outside the vocabulary.
    """
    if isinstance(input_ids, Mapping):
        check_tensors({"input_ids": input_ids}, "")
    ids = _values(input_ids)
    if ids is None or not ids.size:
        return
    check_ids(int(ids.min()), int(ids.max()), config.vocab_size)
    if is_masked or config.pad_token_id is None or has_warned_of_padding():
        return
    if (ids == config.pad_token_id).any():
        warn_of_unmasked_padding()


def check_position_values(position_ids: Any, config: DistilBertConfig) -> None:
    """Raise TokenIdError if a position is outside the table; inside a trace there are no values."""
    positions = _values(position_ids)
    if positions is not None and positions.size:
        lowest, highest = int(positions.min()), int(positions.max())
        check_position_range(lowest, highest, config.max_position_embeddings)


def _values(array: Any) -> np.ndarray | None:
    if isinstance(array, Tracer) or not getattr(array, "is_fully_addressable", True):
        return None
    return np.asarray(array)


def apply(
    model: PreTrainedModel,
    params: Mapping[str, Any],
    input_ids: Any,
    attention_mask: Any,
    head_mask: Any,
    inputs_embeds: Any,
    *,
    dropout_rng: Array | None,
    train: bool,
    output_attentions: bool | None,
    output_hidden_states: bool | None,
    position_ids: Any,
) -> Any:
    """The output of the model's module; the arguments are those of the model.

    Raises:
        InputError, TokenIdError: as described at the model's `__call__`.
    """
    config = model.config
    if output_attentions is None:
        output_attentions = config.output_attentions
    if output_hidden_states is None:
        output_hidden_states = config.output_hidden_states
    if input_ids is not None:
        check_values(input_ids, config, is_masked=attention_mask is not None)
        input_ids = jnp.asarray(input_ids, jnp.int32)
    if position_ids is not None:
        check_position_values(position_ids, config)
        position_ids = jnp.asarray(position_ids, jnp.int32)
    given = {
        "input_ids": input_ids,
        "attention_mask": None if attention_mask is None else jnp.asarray(attention_mask),
        "head_mask": head_mask,
        "inputs_embeds": inputs_embeds,
        "deterministic": not train,
        "output_attentions": output_attentions,
        "output_hidden_states": output_hidden_states,
        "position_ids": position_ids,
    }
    try:
        return model.module.apply(
            {"params": params},
            **call_arguments(model.module, given),
            rngs=None if dropout_rng is None else {"dropout": dropout_rng},
        )
    except InvalidRngError:
        raise InputError(
            "`train=True` with dropout needs `dropout_rng`: got none. Pass a new key at every "
            "step, `jax.random.fold_in(key, step)`, or set the config's dropout rates to 0."
        ) from None
