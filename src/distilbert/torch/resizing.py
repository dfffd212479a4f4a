"""Changes the number of words or positions of a model."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from distilbert.checkpoint.init import sinusoid_table
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR, WORD_EMBEDDINGS
from distilbert.config import DistilBertConfig
from distilbert.input_checks import check_size, new_vocab_size
from distilbert.torch.weights import initial_arrays, to_tensor

if TYPE_CHECKING:
    from distilbert.torch.pretrained import PreTrainedModel


def resize_token_embeddings(
    model: PreTrainedModel,
    new_num_tokens: int | None = None,
    pad_to_multiple_of: int | None = None,
) -> nn.Embedding:
    """Set the number of words and return the word embedding; old rows are kept.

    Raises:
        InputError: the size is not a positive integer.
    """
    embedding = model.get_input_embeddings()
    old_size = embedding.num_embeddings
    size = new_vocab_size(
        old_size, new_num_tokens=new_num_tokens, pad_to_multiple_of=pad_to_multiple_of
    )
    if size == old_size:
        return embedding
    config = copy.deepcopy(model.config)
    config.vocab_size = size
    _resize_rows(embedding, size, config, name=WORD_EMBEDDINGS)
    embedding.num_embeddings = size
    if embedding.padding_idx is not None and embedding.padding_idx >= size:
        embedding.padding_idx = None
    projector = model.get_output_embeddings()
    if projector is not None:
        _resize_projector(projector, size, config)
    model.config.vocab_size = size
    model.tie_weights()
    return embedding


def resize_position_embeddings(model: PreTrainedModel, new_num_position_embeddings: int) -> None:
    """Set the maximum length; learned rows are kept, sinusoidal ones are computed.

    Raises:
        InputError: the size is not a positive integer.
    """
    size = new_num_position_embeddings
    check_size("new_num_position_embeddings", size)
    embedding = model.get_position_embeddings()
    if size == embedding.num_embeddings:
        return
    config = copy.deepcopy(model.config)
    config.max_position_embeddings = size
    if config.sinusoidal_pos_embds:
        table = torch.from_numpy(sinusoid_table(size, config.dim)).to(embedding.weight)
        embedding.weight = nn.Parameter(table, requires_grad=embedding.weight.requires_grad)
    else:
        _resize_rows(embedding, size, config, name=POSITION_EMBEDDINGS)
    embedding.num_embeddings = size
    model.config.max_position_embeddings = size


def _resize_rows(
    layer: nn.Embedding | nn.Linear, size: int, config: DistilBertConfig, *, name: str
) -> None:
    """Keep the first rows of the weight; append initial rows of the parameter `name`."""
    old = layer.weight
    rows = old.detach()[:size].clone()
    if size > len(old):
        head = "masked_lm" if name == TIED_PROJECTOR else "base"
        initial = initial_arrays(config, head, seed=None, names=[name])[name]
        rows = torch.cat([rows, to_tensor(initial)[len(old) :].to(old)])
    layer.weight = nn.Parameter(rows, requires_grad=old.requires_grad)


def _resize_projector(projector: nn.Linear, size: int, config: DistilBertConfig) -> None:
    if not config.tie_word_embeddings:  # a tied weight is set by `tie_weights`
        _resize_rows(projector, size, config, name=TIED_PROJECTOR)
    fit_bias(projector, size)
    projector.out_features = size


def fit_bias(projector: nn.Linear, size: int) -> None:
    """Cut the bias of the projection to `size` entries, or pad it with zeros."""
    old = projector.bias
    if old is None or len(old) == size:
        return
    bias = old.new_zeros(size)
    kept = min(size, len(old))
    bias[:kept] = old.detach()[:kept]
    projector.bias = nn.Parameter(bias, requires_grad=old.requires_grad)
