"""Changing the number of words or positions of a model that has weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp
import numpy as np
from jax import Array

from distilbert.checkpoint.resizing import resized_bias, resized_rows
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR, WORD_EMBEDDINGS
from distilbert.flax.weights import POSITIONS, flatten
from distilbert.input_checks import check_size, new_vocab_size

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def resize_token_embeddings(
    model: PreTrainedModel,
    new_num_tokens: int | None = None,
    pad_to_multiple_of: int | None = None,
) -> Array:
    """Set the number of words, rounded up, and return the word embedding; old rows are kept.

    None keeps the number.

    Raises:
        InputError: a size that is not a positive integer.
    """
    old = model.get_input_embeddings()
    size = new_vocab_size(
        len(old), new_num_tokens=new_num_tokens, pad_to_multiple_of=pad_to_multiple_of
    )
    if size == len(old):
        return old
    words = _resized(model, old, size, name=WORD_EMBEDDINGS)
    model.set_input_embeddings(words)
    if model.head == "masked_lm":
        projector = model.params["vocab_projector"]
        bias = resized_bias(np.asarray(projector["bias"]), size)
        leaves = {"vocab_projector/bias": jnp.array(bias)}
        if not model.config.tie_word_embeddings:  # a tied kernel is the word embedding itself
            rows = _resized(model, projector["kernel"].T, size, name=TIED_PROJECTOR)
            leaves["vocab_projector/kernel"] = rows.T
        model.replace_leaves(leaves)
    model.config.vocab_size = size
    model.build_module()
    return words


def resize_position_embeddings(model: PreTrainedModel, new_num_position_embeddings: int) -> None:
    """Set the greatest length; learned rows are kept, sinusoidal ones computed.

    Raises:
        InputError: a size that is not a positive integer.
    """
    size = new_num_position_embeddings
    check_size("new_num_position_embeddings", size)
    if size == model.config.max_position_embeddings:
        return
    held = flatten(model.params).get(model.path(POSITIONS))
    if held is not None:
        rows = _resized(model, held, size, name=POSITION_EMBEDDINGS)
        model.replace_leaves({model.path(POSITIONS): rows})
    model.config.max_position_embeddings = size
    model.build_module()


def _resized(model: PreTrainedModel, old: Array, size: int, *, name: str) -> Array:
    rows = resized_rows(np.asarray(old), size, model.config, name, seed=lambda: model.seed)
    return jnp.array(rows)
