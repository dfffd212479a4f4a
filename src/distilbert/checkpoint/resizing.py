"""The rows of a table, and the values of a bias, when a model gets other sizes.

Canonical NumPy arrays in and out; the framework packages put them into their models.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np

from distilbert.checkpoint.init import initial_weights, sinusoid_table
from distilbert.checkpoint.spec import POSITION_EMBEDDINGS, TIED_PROJECTOR
from distilbert.config import DistilBertConfig


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
