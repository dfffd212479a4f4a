"""Removes attention heads from a model. Heads have the numbers of the unpruned model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from distilbert.checkpoint.resizing import pruned_heads

if TYPE_CHECKING:
    from distilbert.torch.model import Block, SelfAttention
    from distilbert.torch.pretrained import PreTrainedModel


def prune_heads(model: PreTrainedModel, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
    """Remove attention heads, given as {layer: heads} with the numbers of the unpruned model.

    Raises:
        InputError: the model never had such a layer or head; nothing is pruned then.
    """
    for layer, (heads, columns) in pruned_heads(heads_to_prune, model.config).items():
        attention = cast("Block", model.base_model.transformer.layer[layer]).attention
        _keep_columns(attention, torch.from_numpy(columns))
        attention.pruned_heads = set(heads)
        model.config.pruned_heads[layer] = heads


def _keep_columns(attention: SelfAttention, columns: Tensor) -> None:
    for linear in (attention.q_lin, attention.k_lin, attention.v_lin):
        linear.weight = _kept(linear.weight, columns, dim=0)
        linear.bias = _kept(linear.bias, columns, dim=0)
        linear.out_features = len(columns)
    attention.out_lin.weight = _kept(attention.out_lin.weight, columns, dim=1)
    attention.out_lin.in_features = len(columns)
    attention.n_heads = len(columns) // attention.head_size
    attention.dim = len(columns)


def _kept(old: Tensor, index: Tensor, *, dim: int) -> nn.Parameter:
    kept = old.detach().index_select(dim, index.to(old.device))
    return nn.Parameter(kept, requires_grad=old.requires_grad)
