"""Removes attention heads from a model. Heads have the numbers of the unpruned model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn

from distilbert.input_checks import parse_heads_to_prune

if TYPE_CHECKING:
    from distilbert.torch.model import Block, SelfAttention
    from distilbert.torch.pretrained import PreTrainedModel


def prune_heads(model: PreTrainedModel, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
    """Remove attention heads, given as {layer: heads} with the numbers of the unpruned model.

    Negative numbers count from the end.

    Raises:
        InputError: the model never had such a layer or head; nothing is pruned then.
    """
    config = model.config
    pruned = parse_heads_to_prune(heads_to_prune, n_layers=config.n_layers, n_heads=config.n_heads)
    for layer, heads in pruned.items():
        attention = cast("Block", model.base_model.transformer.layer[layer]).attention
        _prune_layer(attention, heads, config.n_heads)
        config.pruned_heads[layer] = sorted(attention.pruned_heads)


def _prune_layer(attention: SelfAttention, heads: set[int], n_original: int) -> None:
    present = [head for head in range(n_original) if head not in attention.pruned_heads]
    keep = [index for index, head in enumerate(present) if head not in heads]
    if len(keep) == len(present):
        return
    size = attention.head_size
    rows = torch.tensor([index * size + i for index in keep for i in range(size)], dtype=torch.long)
    for linear in (attention.q_lin, attention.k_lin, attention.v_lin):
        linear.weight = _kept(linear.weight, rows, dim=0)
        linear.bias = _kept(linear.bias, rows, dim=0)
        linear.out_features = len(rows)
    attention.out_lin.weight = _kept(attention.out_lin.weight, rows, dim=1)
    attention.out_lin.in_features = len(rows)
    attention.n_heads = len(keep)
    attention.dim = len(rows)
    attention.pruned_heads |= heads


def _kept(old: Tensor, index: Tensor, *, dim: int) -> nn.Parameter:
    kept = old.detach().index_select(dim, index.to(old.device))
    return nn.Parameter(kept, requires_grad=old.requires_grad)
