"""Removing attention heads from a model. Head numbers are those of the unpruned model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from distilbert.checkpoint.resizing import pruned_heads
from distilbert.flax.weights import flatten

if TYPE_CHECKING:
    from distilbert.flax.pretrained import PreTrainedModel


def prune_heads(model: PreTrainedModel, heads_to_prune: Mapping[int, Iterable[int]]) -> None:
    """Remove attention heads, given as {layer: heads} in the unpruned model's numbers.

    Raises:
        InputError: a layer or head that the model never had; nothing is pruned then.
    """
    for layer, (heads, columns) in pruned_heads(heads_to_prune, model.config).items():
        attention, leaves = (
            model.path(f"transformer/layer/{layer}/attention"),
            flatten(model.params),
        )
        kept = {f"{attention}/out_lin/kernel": leaves[f"{attention}/out_lin/kernel"][columns]}
        for name in ("q_lin", "k_lin", "v_lin"):
            for leaf in (f"{attention}/{name}/kernel", f"{attention}/{name}/bias"):
                kept[leaf] = leaves[leaf][..., columns]
        model.replace_leaves(kept)
        model.config.pruned_heads[layer] = heads
    model.build_module()
