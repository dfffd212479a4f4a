"""Changing the number of words or positions of a model that has weights."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from distilbert.checkpoint.init import sinusoid_table
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR, WORD_EMBEDDINGS
from distilbert.config import DistilBertConfig
from distilbert.input_checks import check_size, new_vocab_size
from distilbert.tensorflow.layers import (
    Embedding,
    Linear,
    TiedLinear,
    path_scope,
    rebuilt_linear,
    replace_part,
)
from distilbert.tensorflow.weights import initial_arrays, to_array

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel


def resize_token_embeddings(
    model: PreTrainedModel,
    new_num_tokens: int | None = None,
    pad_to_multiple_of: int | None = None,
) -> Embedding:
    """Set the number of words, rounded up, and return the word embedding; old rows are kept.

    None keeps the number.

    Raises:
        InputError: a size that is not a positive integer.
    """
    embedding = model.get_input_embeddings()
    old_size = embedding.n_rows
    size = new_vocab_size(
        old_size, new_num_tokens=new_num_tokens, pad_to_multiple_of=pad_to_multiple_of
    )
    if size == old_size:
        return embedding
    config = copy.deepcopy(model.config)
    config.vocab_size = size
    rows = _resized_rows(to_array(embedding.table), size, config, name=WORD_EMBEDDINGS)
    new = _rebuilt(embedding, rows)
    replace_part(model.base_model.embeddings, "word_embeddings", new)
    if isinstance(model.get_output_embeddings(), Linear):  # a tied one follows in `tie_weights`
        _resize_projector(model, size, config)
    model.config.vocab_size = size
    model.tie_weights()
    model.forget_functions()
    return new


def resize_position_embeddings(model: PreTrainedModel, new_num_position_embeddings: int) -> None:
    """Set the greatest length; learned rows are kept, sinusoidal ones computed.

    Raises:
        InputError: a size that is not a positive integer.
    """
    size = new_num_position_embeddings
    check_size("new_num_position_embeddings", size)
    embedding = model.get_position_embeddings()
    if size == embedding.n_rows:
        return
    config = copy.deepcopy(model.config)
    config.max_position_embeddings = size
    if config.sinusoidal_pos_embds:
        rows = sinusoid_table(size, config.dim)
    else:
        rows = _resized_rows(to_array(embedding.table), size, config, name=POSITION_EMBEDDINGS)
    replace_part(model.base_model.embeddings, "position_embeddings", _rebuilt(embedding, rows))
    model.config.max_position_embeddings = size
    model.forget_functions()


def _resized_rows(old: np.ndarray, size: int, config: DistilBertConfig, *, name: str) -> np.ndarray:
    """The first rows of `old`, then initial rows of the parameter `name`."""
    if size <= len(old):
        return old[:size]
    head = "masked_lm" if name == TIED_PROJECTOR else "base"
    initial = initial_arrays(config, head, seed=None, names=[name])[name]
    return np.concatenate([old, initial[len(old) :].astype(old.dtype)])


def _rebuilt(old: Embedding, rows: np.ndarray) -> Embedding:
    """A layer of the same name, kind and trainability with these rows."""
    padding_idx = old.padding_idx
    with path_scope(old.table.path.rpartition("/")[0].rpartition("/")[0]):
        new = Embedding(
            *rows.shape,
            leaf=old.leaf,
            padding_idx=None if padding_idx is None or padding_idx >= len(rows) else padding_idx,
            frozen=old.frozen,
            name=old.name,
            dtype=old.dtype_policy,
            trainable=old.trainable,
        )
    new.table.assign(rows)
    return new


def _resize_projector(model: PreTrainedModel, size: int, config: DistilBertConfig) -> None:
    old = model.get_output_embeddings()
    kernel = _resized_rows(to_array(old.kernel).T, size, config, name=TIED_PROJECTOR).T
    model.set_output_embeddings(rebuilt_linear(old, kernel, _fitted(old.bias, size)))


def fit_bias(model: PreTrainedModel, size: int) -> None:
    """Cut the bias of a tied projection to `size` entries, or fill it up with zeros."""
    old = model.get_output_embeddings()
    if old.units == size:
        return
    with path_scope(old.bias.path.rpartition("/")[0].rpartition("/")[0]):
        new = TiedLinear(size, name=old.name, dtype=old.dtype_policy, trainable=old.trainable)
    new.bias.assign(_fitted(old.bias, size))
    model.set_output_embeddings(new)


def _fitted(bias: Any, size: int) -> np.ndarray:
    old = to_array(bias)[:size]
    return np.concatenate([old, np.zeros(size - len(old), old.dtype)])
