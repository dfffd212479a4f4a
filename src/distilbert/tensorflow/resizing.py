"""Changing the number of words or positions of a model that has weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from distilbert.checkpoint.resizing import resized_bias, resized_rows
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
from distilbert.tensorflow.weights import draw_seed, to_array

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
    new = _resized(embedding, size, model.config, name=WORD_EMBEDDINGS)
    replace_part(model.base_model.embeddings, "word_embeddings", new)
    projector = model.get_output_embeddings()
    if isinstance(projector, Linear):  # a tied one follows in `tie_weights`
        rows = to_array(projector.kernel).T
        rows = resized_rows(rows, size, model.config, TIED_PROJECTOR, seed=draw_seed)
        bias = resized_bias(to_array(projector.bias), size)
        model.set_output_embeddings(rebuilt_linear(projector, rows.T, bias))
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
    new = _resized(embedding, size, model.config, name=POSITION_EMBEDDINGS)
    replace_part(model.base_model.embeddings, "position_embeddings", new)
    model.config.max_position_embeddings = size
    model.forget_functions()


def _resized(old: Embedding, size: int, config: DistilBertConfig, *, name: str) -> Embedding:
    """A layer of the same name, kind and trainability with `size` rows."""
    rows = resized_rows(to_array(old.table), size, config, name, seed=draw_seed)
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


def fit_bias(model: PreTrainedModel, size: int) -> None:
    """Cut the bias of a tied projection to `size` entries, or fill it up with zeros."""
    old = model.get_output_embeddings()
    if old.units == size:
        return
    with path_scope(old.bias.path.rpartition("/")[0].rpartition("/")[0]):
        new = TiedLinear(size, name=old.name, dtype=old.dtype_policy, trainable=old.trainable)
    new.bias.assign(resized_bias(to_array(old.bias), size))
    model.set_output_embeddings(new)
