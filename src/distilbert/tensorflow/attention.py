"""Scaled dot-product attention of tensors, padded queries and fully masked rows included."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow import Tensor

from distilbert.input_checks import check_head_mask


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    visible: Tensor | None,
    head_mask: Tensor | None,
    dropout: Callable[[Tensor], Tensor],
) -> tuple[Tensor, Tensor]:
    """Mix `value` rows by how well `query` matches `key`.

    Args:
        query, key, value: (B, H, S, K).
        visible: bool (B, 1, 1, S), False where a key is masked; None when all are visible. A row
            without any visible key attends to all keys equally.
        head_mask: broadcastable to (B, H, S, S); multiplies the probabilities after dropout.
        dropout: what drops attention probabilities; the identity outside training.

    Returns:
        The mixed values (B, H, S, K), and the probabilities (B, H, S, S).
    """
    query = query / tf.cast(math.sqrt(query.shape[-1] or 1), query.dtype)
    scores = tf.matmul(query, key, transpose_b=True)  # (B, H, S, S)
    if visible is not None:
        # The lowest finite number rather than -inf: a fully masked row stays finite and uniform.
        scores = tf.where(visible, scores, scores.dtype.min)
    probabilities = dropout(tf.nn.softmax(scores))
    if head_mask is not None:
        probabilities = probabilities * head_mask
    return tf.matmul(probabilities, value), probabilities  # (B, H, S, K)


def layer_head_masks(head_mask: Tensor | None, n_layers: int, dtype: str) -> Tensor | list[None]:
    """Factors per layer: (L, 1, H, 1, 1), or a None for every layer.

    Raises:
        InputError: `head_mask` is neither (H,) nor (L, H).
    """
    if head_mask is None:
        return [None] * n_layers
    head_mask = tf.cast(head_mask, dtype)
    shape: Any = head_mask.shape.as_list()
    check_head_mask(shape, n_layers)
    if head_mask.shape.rank == 1:
        head_mask = tf.tile(head_mask[None], (n_layers, 1))
    return head_mask[:, None, :, None, None]
