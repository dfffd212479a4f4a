"""Changing the number of words or positions of a model that has weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import jax.numpy as jnp
from jax import Array

from distilbert.checkpoint.init import initial_weights, sinusoid_table
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR, WORD_EMBEDDINGS
from distilbert.config import DistilBertConfig
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
    config = copy.deepcopy(model.config)
    config.vocab_size = size
    words = _resized_rows(old, size, config, name=WORD_EMBEDDINGS, seed=model.seed)
    model.set_input_embeddings(words)
    if model.head == "masked_lm":
        _resize_projector(model, size, config)
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
    config = copy.deepcopy(model.config)
    config.max_position_embeddings = size
    path = model.path(POSITIONS)
    held = flatten(model.params).get(path)
    if held is not None and config.sinusoidal_pos_embds:
        table = jnp.array(sinusoid_table(size, config.dim), held.dtype)
        model.replace_leaves({path: table})
    elif held is not None:
        rows = _resized_rows(held, size, config, name=POSITION_EMBEDDINGS, seed=model.seed)
        model.replace_leaves({path: rows})
    model.config.max_position_embeddings = size
    model.build_module()


def _resized_rows(
    old: Array, size: int, config: DistilBertConfig, *, name: str, seed: int
) -> Array:
    """The first rows of `old`; then initial rows of the parameter `name`."""
    rows = jnp.asarray(old)[:size]
    if size <= len(old):
        return rows
    head = "masked_lm" if name == TIED_PROJECTOR else "base"
    initial = initial_weights(config, head, seed, names=[name])[name]
    return jnp.concatenate([rows, jnp.array(initial[len(old) :], rows.dtype)])


def _resize_projector(model: PreTrainedModel, size: int, config: DistilBertConfig) -> None:
    projector = model.params["vocab_projector"]
    leaves = {"vocab_projector/bias": fitted_bias(projector["bias"], size)}
    if not config.tie_word_embeddings:  # a tied kernel is the word embedding itself
        rows = projector["kernel"].T
        rows = _resized_rows(rows, size, config, name=TIED_PROJECTOR, seed=model.seed)
        leaves["vocab_projector/kernel"] = rows.T
    model.replace_leaves(leaves)


def fitted_bias(old: Array, size: int) -> Array:
    """The bias of the projection, cut to `size` entries or filled up with zeros."""
    kept = jnp.asarray(old)[:size]
    return jnp.pad(kept, (0, size - len(kept)))
