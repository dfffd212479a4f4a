"""The rows of a padded batch divided into parts, which threads can compute at the same time.

The threads of an operator wait for each other at the end of each of its calls, about a hundred
times per batch. Threads that compute different rows wait for each other once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from distilbert.heads import HEADS


def divide_rows(mask: np.ndarray, n_parts: int) -> list[np.ndarray]:
    """At most `n_parts` parts of about as many tokens, as increasing row numbers.

    Rows of similar length share a part.

    Args:
        mask: bool (B, S) or (B, C, S), False for padding.
    """
    n_tokens = np.count_nonzero(mask, axis=tuple(range(1, mask.ndim)))  # (B,)
    order = np.argsort(-n_tokens, kind="stable")
    stops = np.cumsum(n_tokens[order])
    middles = stops - n_tokens[order] / 2
    part = np.minimum(middles * n_parts // max(1, n_tokens.sum()), n_parts - 1)
    parts = (np.sort(order[part == i]) for i in range(n_parts))
    return [rows for rows in parts if len(rows)]


def join_rows(
    head: str,
    parts: Sequence[np.ndarray],
    outputs: Sequence[Mapping[str, np.ndarray]],
    wanted: np.ndarray | None,
) -> dict[str, np.ndarray]:
    """The outputs of a whole batch from those of its parts.

    Args:
        head: a key of `distilbert.heads.HEADS`.
        parts: what `divide_rows` returned.
        outputs: what a runner computed for the rows of each part, and `wanted[rows]`.
        wanted: bool (B, S) or None, as in `distilbert.runner.Runner.run_batch`.
    """
    joined = {}
    for name, axes in HEADS[head].outputs.items():
        if wanted is not None and "S" in axes:  # tokens in place of rows
            owners = np.nonzero(wanted)[0]
            places = [np.flatnonzero(np.isin(owners, rows)) for rows in parts]
        else:
            places = list(parts)
        n = sum(map(len, places))
        joined[name] = np.empty((n, *outputs[0][name].shape[1:]), np.float32)
        for place, output in zip(places, outputs, strict=True):
            joined[name][place] = output[name]
    return joined
