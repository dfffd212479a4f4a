"""Removing attention heads from a model. Head numbers are those of the unpruned model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from distilbert.input_checks import parse_heads_to_prune
from distilbert.tensorflow.layers import rebuilt_linear, replace_part
from distilbert.tensorflow.weights import to_array

if TYPE_CHECKING:
    from distilbert.tensorflow.model import SelfAttention
    from distilbert.tensorflow.pretrained import PreTrainedModel


def prune_heads(model: PreTrainedModel, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
    """Remove attention heads, given as {layer: heads} in the unpruned model's numbers.

    Negative numbers count from the end.

    Raises:
        InputError: a layer or head that the model never had; nothing is pruned then.
    """
    config = model.config
    wanted = parse_heads_to_prune(heads_to_prune, n_layers=config.n_layers, n_heads=config.n_heads)
    for layer, heads in wanted.items():
        attention = model.base_model.transformer.layer[layer].attention
        _prune_layer(attention, heads, config.n_heads)
        config.pruned_heads[layer] = sorted(attention.pruned_heads)
    model.forget_functions()


def _prune_layer(attention: SelfAttention, heads: set[int], n_original: int) -> None:
    present = [head for head in range(n_original) if head not in attention.pruned_heads]
    keep = [place for place, head in enumerate(present) if head not in heads]
    if len(keep) == len(present):
        return
    size = attention.head_size
    rows = np.array([place * size + i for place in keep for i in range(size)], np.int64)
    for name in ("q_lin", "k_lin", "v_lin"):
        linear = getattr(attention, name)
        kernel, bias = to_array(linear.kernel)[:, rows], to_array(linear.bias)[rows]
        replace_part(attention, name, rebuilt_linear(linear, kernel, bias))
    linear = attention.out_lin
    kernel, bias = to_array(linear.kernel)[rows], to_array(linear.bias)
    replace_part(attention, "out_lin", rebuilt_linear(linear, kernel, bias))
    attention.n_heads = len(keep)
    attention.dim = len(rows)
    attention.pruned_heads |= heads
