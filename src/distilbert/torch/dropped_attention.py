"""Attention with dropout for training on a CPU, where PyTorch has no kernel for it.

PyTorch's own way there computes in float32, keeps float32 copies of everything for the backward
pass, and draws one random number per probability. Here queries, keys, values and probabilities are
kept in the dtype they come in, what was dropped in one byte each, and 64 random bits decide on four
probabilities.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

# Below this many tokens products in bfloat16 gain little over float32, and the many shapes of
# batches of short sequences would each have their kernels compiled and kept.
SHORT = 64
LEVELS = 2**16


def dropped_attention(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, dropout: float
) -> Tensor:
    """Mix `value` rows by how well `query` matches `key`, dropping some of the probabilities.

    Args:
        query, key, value: (B, H, S, K), one dtype.
        visible: bool (B, 1, 1, S), True for at least one key in each row; None when all are.
        dropout: probability of dropping, above 0 and below 1; exact to 1 / 65,536.

    Returns:
        (B, H, S, K) in the dtype of `query`.
    """
    with torch.autocast("cpu", enabled=False):  # which dtype computes is decided here
        mixed: Any = _DroppedAttention.apply(query, key, value, visible, dropout)
    return mixed


def dropped(shape: tuple[int, ...], probability: float) -> tuple[Tensor, float]:
    """A bool tensor that is True with `probability`, and the probability it has exactly."""
    level = min(round(probability * LEVELS), LEVELS - 1)  # some are always kept
    n = math.prod(shape)
    words = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None)
    drawn = words.view(torch.int16)[:n].view(shape)
    return drawn < level - LEVELS // 2, level / LEVELS


class _DroppedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, dropout: float
    ) -> Tensor:
        n_rows, n_heads, length, size = query.shape
        dtype = _dtype_of_products(query)
        query = query / math.sqrt(size)
        q, k, v = (x.reshape(-1, length, size) for x in (query, key, value))
        scores = q.to(dtype) @ k.to(dtype).transpose(1, 2)  # (B * H, S, S)
        if visible is not None:
            by_row = scores.view(n_rows, n_heads, length, length)
            by_row.masked_fill_(~visible, torch.finfo(dtype).min)
        probabilities = scores.softmax(-1)
        out, exact = dropped(tuple(scores.shape), dropout)
        ctx.save_for_backward(q, k, v, probabilities.to(query.dtype), out)
        ctx.kept, ctx.shape = 1 - exact, query.shape
        context = probabilities.masked_fill(out, 0.0) @ v.to(dtype)
        return context.div_(ctx.kept).to(query.dtype).view(query.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        q, k, v, probabilities, out = ctx.saved_tensors
        dtype = _dtype_of_products(q)
        q, k, v, probabilities = (x.to(dtype) for x in (q, k, v, probabilities))
        given = gradients[0].reshape(q.shape).to(dtype) / ctx.kept
        of_value = probabilities.masked_fill(out, 0.0).transpose(1, 2) @ given
        of_kept = (given @ v.transpose(1, 2)).masked_fill_(out, 0.0)  # (B * H, S, S)
        of_scores = torch.ops.aten._softmax_backward_data(of_kept, probabilities, -1, dtype)
        of_query = (of_scores @ k).div_(math.sqrt(q.shape[-1]))
        of_key = of_scores.transpose(1, 2) @ q
        found = (x.to(gradients[0].dtype).view(ctx.shape) for x in (of_query, of_key, of_value))
        return *found, None, None


def _dtype_of_products(x: Tensor) -> torch.dtype:
    return torch.float32 if x.shape[-2] < SHORT else x.dtype
