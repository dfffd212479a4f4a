"""What remains of parameters when words, positions or attention heads are added or removed.

Canonical NumPy arrays in and out; the framework packages put them into their models.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from distilbert.checkpoint.init import initial_weights, sinusoid_table
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR
from distilbert.config import DistilBertConfig
from distilbert.errors import InputError


def resized_rows(
    old: np.ndarray, size: int, config: DistilBertConfig, name: str, *, seed: Callable[[], int]
) -> np.ndarray:
    """A new table for the parameter `name`: the first rows of `old` (N, D), then initial ones.

    All rows of sinusoidal positions are computed. `config` is that of the present size; `seed` is
    only called when rows are added.
    """
    if name == POSITION_EMBEDDINGS and config.sinusoidal_pos_embds:
        return sinusoid_table(size, config.dim).astype(old.dtype)
    if size <= len(old):
        return old[:size].copy()
    config = copy.deepcopy(config)
    is_position = name == POSITION_EMBEDDINGS
    setattr(config, "max_position_embeddings" if is_position else "vocab_size", size)
    head = "masked_lm" if name == TIED_PROJECTOR else "base"
    initial = initial_weights(config, head, seed(), names=[name])[name]
    return np.concatenate([old, initial[len(old) :].astype(old.dtype)])


def resized_bias(old: np.ndarray, size: int) -> np.ndarray:
    """A new bias of a projection onto `size` words: the first values of `old`, then zeros."""
    return np.pad(old[:size], (0, max(0, size - len(old))))


def pruned_heads(
    heads_to_prune: Mapping[int, Iterable[int]], config: DistilBertConfig
) -> dict[int, tuple[list[int], np.ndarray]]:
    """For each layer that loses heads: all its pruned heads, and which columns (D,) of its
    attention remain.

    Heads have the numbers of the unpruned model, columns those of the present one.

    Raises:
        InputError: the model never had such a layer or head.
    """
    n_layers, n_heads, head_size = config.n_layers, config.n_heads, config.dim // config.n_heads
    found = {}
    for layer, heads in heads_to_prune.items():
        heads, gone = set(heads), set(config.pruned_heads.get(int(layer), ()))
        if not 0 <= int(layer) < n_layers or not heads <= set(range(n_heads)):
            raise InputError(
                f"`heads_to_prune` must name layers below {n_layers} and heads below {n_heads}: "
                f"got layer {layer}, heads {sorted(heads)}."
            )
        if heads <= gone:
            continue
        present = [head for head in range(n_heads) if head not in gone]
        columns = np.arange(len(present) * head_size).reshape(-1, head_size)
        kept = [place for place, head in enumerate(present) if head not in heads]
        found[int(layer)] = sorted(gone | heads), columns[kept].ravel()
    return found
