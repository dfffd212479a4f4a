"""Removing attention heads from a model. Head numbers are those of the unpruned model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from distilbert.checkpoint.resizing import pruned_heads
from distilbert.tensorflow.layers import rebuilt_linear, replace_part
from distilbert.tensorflow.weights import to_array

if TYPE_CHECKING:
    from distilbert.tensorflow.model import SelfAttention
    from distilbert.tensorflow.pretrained import PreTrainedModel


def prune_heads(model: PreTrainedModel, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
    """Remove attention heads, given as {layer: heads} in the unpruned model's numbers.

    Raises:
        InputError: a layer or head that the model never had; nothing is pruned then.
    """
    for layer, (heads, columns) in pruned_heads(heads_to_prune, model.config).items():
        attention = model.base_model.transformer.layer[layer].attention
        _keep_columns(attention, columns)
        attention.pruned_heads = frozenset(heads)
        model.config.pruned_heads[layer] = heads
    model.forget_functions()


def _keep_columns(attention: SelfAttention, columns: np.ndarray) -> None:
    for name in ("q_lin", "k_lin", "v_lin"):
        linear = getattr(attention, name)
        kernel, bias = to_array(linear.kernel)[:, columns], to_array(linear.bias)[columns]
        replace_part(attention, name, rebuilt_linear(linear, kernel, bias))
    linear = attention.out_lin
    kernel, bias = to_array(linear.kernel)[columns], to_array(linear.bias)
    replace_part(attention, "out_lin", rebuilt_linear(linear, kernel, bias))
    attention.n_heads = len(columns) // attention.head_size
    attention.dim = len(columns)
