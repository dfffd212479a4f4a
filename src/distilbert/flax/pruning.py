"""Removing attention heads from a model. Head numbers are those of the unpruned model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import jax.numpy as jnp

from distilbert.checkpoint.spec import pruned_in
from distilbert.flax.weights import Tree, flatten
from distilbert.input_checks import parse_heads_to_prune

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def prune_heads(model: PreTrainedModel, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
    """Remove attention heads, given as {layer: heads} in the unpruned model's numbers.

    Negative numbers count from the end.

    Raises:
        InputError: a layer or head that the model never had; nothing is pruned then.
    """
    config = model.config
    wanted = parse_heads_to_prune(heads_to_prune, n_layers=config.n_layers, n_heads=config.n_heads)
    for layer, heads in wanted.items():
        gone = pruned_in(config, layer)
        model.replace_leaves(_pruned(model, layer, heads, gone=gone))
        config.pruned_heads[layer] = sorted(gone | heads)
    model.build_module()


def _pruned(model: PreTrainedModel, layer: int, heads: set[int], *, gone: set[int]) -> Tree:
    """The leaves of one layer's attention without `heads`, by path; `gone` are pruned already."""
    config, leaves = model.config, flatten(model.params)
    present = [head for head in range(config.n_heads) if head not in gone]
    keep = [place for place, head in enumerate(present) if head not in heads]
    size = config.dim // config.n_heads
    columns = jnp.array([place * size + i for place in keep for i in range(size)], jnp.int32)
    attention = model.path(f"transformer/layer/{layer}/attention")
    kept = {f"{attention}/out_lin/kernel": leaves[f"{attention}/out_lin/kernel"][columns]}
    for name in ("q_lin", "k_lin", "v_lin"):
        for leaf in (f"{attention}/{name}/kernel", f"{attention}/{name}/bias"):
            kept[leaf] = leaves[leaf][..., columns]
    return kept
