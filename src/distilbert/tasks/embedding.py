"""One vector per token, or one per text, from the last hidden states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from distilbert.tasks.windows import Tokenizer, Window, merge_rows, single_windows

PoolingMode = Literal["mean", "cls", "max"]


def encode(
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    max_length: int,
    overlap: int | None = None,
    truncate: bool = False,
) -> list[list[Window]]:
    """The windows of each text; with `truncate` only the first of each."""
    windows = [
        single_windows(tokenizer, ids, max_length=max_length, overlap=overlap)
        for ids in tokenizer.token_ids(texts)
    ]
    return [of_text[:1] for of_text in windows] if truncate else windows


def token_vectors(windows: Sequence[Window], states: Sequence[np.ndarray]) -> np.ndarray:
    """The vectors of all tokens (T + 2, D) from states (S, D) per window.

    `[CLS]` comes from the first window, `[SEP]` from the last, each token between from the window
    with most context around it.
    """
    if len(windows) == 1:
        return states[0]
    return np.concatenate((states[0][:1], merge_rows(windows, states), states[-1][-1:]))


def pool(states: np.ndarray, mode: PoolingMode) -> np.ndarray:
    """One vector (D,) from the states (S, D) of one window, special tokens included."""
    if mode == "cls":
        return states[0].copy()  # a view would keep the batch in memory
    return states.max(axis=0) if mode == "max" else states.mean(axis=0, dtype=np.float32)


def merge_pooled(
    windows: Sequence[Window], vectors: Sequence[np.ndarray], mode: PoolingMode
) -> np.ndarray:
    """One vector (D,) per text: the mean of its windows, weighted by their new tokens, or the
    maximum."""
    if len(windows) == 1:
        return vectors[0]
    if mode == "max":
        return np.max(vectors, axis=0)
    weights = [window.weight for window in windows]
    return np.average(vectors, axis=0, weights=weights).astype(np.float32)


def normalize(vectors: np.ndarray) -> np.ndarray:
    """Scale vectors (..., D) to length 1; a zero vector stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(length, np.finfo(np.float32).tiny)
