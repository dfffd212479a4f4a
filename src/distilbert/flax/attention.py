"""Scaled dot-product attention of arrays, padded queries and fully masked rows included."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
from jax import Array

from distilbert.input_checks import check_head_mask


def attend(
    query: Array,
    key: Array,
    value: Array,
    *,
    visible: Array | None,
    head_mask: Array | None,
    dropout: Callable[[Array], Array],
) -> tuple[Array, Array]:
    """Mix `value` rows by how well `query` matches `key`.

    Args:
        query, key, value: (B, H, S, K).
        visible: bool (B, 1, 1, S), False where a key is masked; None when all are visible. A row
            without any visible key attends to all keys equally.
        head_mask: broadcastable to (B, H, S, S); multiplies the probabilities after dropout.
        dropout: applied to the probabilities; does nothing outside training.

    Returns:
        The mixed values (B, H, S, K), and the probabilities (B, H, S, S).
    """
    query = query / math.sqrt(query.shape[-1])
    scores = query @ key.swapaxes(-2, -1)  # (B, H, S, S)
    if visible is not None:
        # The lowest finite number rather than -inf: a fully masked row stays finite and uniform.
        scores = jnp.where(visible, scores, jnp.finfo(scores.dtype).min)
    probabilities = dropout(softmax(scores))
    if head_mask is not None:
        probabilities = probabilities * head_mask
    return probabilities @ value, probabilities  # (B, H, S, K)


def softmax(scores: Array) -> Array:
    """Over the last axis; sums in float32 at least, as PyTorch does, and answers in x's type."""
    exact = jnp.promote_types(scores.dtype, jnp.float32)
    return jax.nn.softmax(scores.astype(exact)).astype(scores.dtype)


def layer_head_masks(
    head_mask: Array | None, n_layers: int, dtype: jnp.dtype
) -> Array | Sequence[None]:
    """Factors per layer: (L, 1, H, 1, 1), or a None for every layer.

    Raises:
        InputError: `head_mask` is neither (H,) nor (L, H).
    """
    if head_mask is None:
        return [None] * n_layers
    head_mask = jnp.asarray(head_mask, dtype)
    check_head_mask(head_mask.shape, n_layers)
    head_mask = jnp.broadcast_to(head_mask, (n_layers, head_mask.shape[-1]))
    return head_mask[:, None, :, None, None]
