"""Calls of a model: the signature of the reference, checks of values, and applying the module.

The reference's Flax classes take fewer arguments. An array inside a trace of JAX has no values, so
they are checked before the module is applied, or not at all.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np
from flax.errors import InvalidRngError
from jax import Array
from jax.core import Tracer

from distilbert.config import DistilBertConfig
from distilbert.errors import InputError
from distilbert.input_checks import check_ids, has_warned_of_padding, warn_of_unmasked_padding

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def page_signature(call: Callable[..., Any]) -> inspect.Signature:
    """The reference's parameters: without `inputs_embeds`, and `input_ids` are required."""
    parameters = dict(inspect.signature(call).parameters)
    del parameters["inputs_embeds"]
    ids = parameters["input_ids"].replace(default=inspect.Parameter.empty)
    return inspect.Signature(list({**parameters, "input_ids": ids}.values()))


def check_values(input_ids: Any, config: DistilBertConfig, *, is_masked: bool) -> None:
    """Check ids outside of a trace; warn once of padding without a mask.

    Raises:
        TokenIdError: an id is outside the vocabulary.
    """
    if isinstance(input_ids, Tracer) or not getattr(input_ids, "is_fully_addressable", True):
        return
    ids = np.asarray(input_ids)
    if not ids.size:
        return
    check_ids(int(ids.min()), int(ids.max()), config.vocab_size)
    if is_masked or config.pad_token_id is None or has_warned_of_padding():
        return
    if (ids == config.pad_token_id).any():
        warn_of_unmasked_padding()


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
    try:
        return model.module.apply(
            {"params": params},
            input_ids,
            None if attention_mask is None else jnp.asarray(attention_mask),
            head_mask,
            inputs_embeds,
            not train,
            output_attentions,
            output_hidden_states,
            rngs=None if dropout_rng is None else {"dropout": dropout_rng},
        )
    except InvalidRngError:
        raise InputError(
            "`train=True` with dropout needs `dropout_rng`: got none. Pass a new key at every "
            "step, `jax.random.fold_in(key, step)`, or set the config's dropout rates to 0."
        ) from None
