"""Attention with dropout for training on a CPU, where PyTorch has no fused kernel for it.

PyTorch's fallback computes in float32 and keeps float32 copies of everything for the backward pass.
Here queries, keys, values and probabilities are kept in their dtype.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from distilbert.torch.dropout import dropped

# Below this many tokens, products in bfloat16 are hardly faster than in float32, and a kernel would
# be compiled and kept for each of the many shapes of batches of short sequences.
SHORT = 64


def dropped_attention(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, dropout: float
) -> Tensor:
    """Scaled dot-product attention with dropout of the probabilities.

    Args:
        query: (B, H, S, K), or fewer queries than keys.
        key, value: (B, H, S, K), one dtype.
        visible: bool (B, 1, 1, S), True for at least one key in each row; None when all are.
        dropout: probability of dropping, above 0 and below 1; exact to 1 / 65,536.

    Returns:
        (B, H, S, K) in the dtype of `query`.
    """
    with torch.autocast("cpu", enabled=False):  # the dtype of the products is chosen here
        context: Any = _DroppedAttention.apply(query, key, value, visible, dropout)
    return context


class _DroppedAttention(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, dropout: float
    ) -> Tensor:
        size = query.shape[-1]
        dtype = _dtype_of_products(key)
        query = query / math.sqrt(size)
        q, k, v = (x.reshape(-1, x.shape[2], size) for x in (query, key, value))
        scores = q.to(dtype) @ k.to(dtype).transpose(1, 2)  # (B * H, S, S)
        if visible is not None:
            by_row = scores.view(*query.shape[:3], key.shape[2])
            by_row.masked_fill_(~visible, torch.finfo(dtype).min)
        probabilities = scores.softmax(-1)
        out, exact = dropped(tuple(scores.shape), dropout)
        ctx.save_for_backward(q, k, v, probabilities.to(query.dtype), out)
        ctx.kept, ctx.shapes = 1 - exact, (query.shape, key.shape, value.shape)
        context = probabilities.masked_fill(out, 0.0) @ v.to(dtype)
        return context.div_(ctx.kept).to(query.dtype).view(query.shape)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        q, k, v, probabilities, out = ctx.saved_tensors
        dtype = _dtype_of_products(k)
        q, k, v, probabilities = (x.to(dtype) for x in (q, k, v, probabilities))
        gradient = gradients[0].reshape(q.shape).to(dtype) / ctx.kept
        of_value = probabilities.masked_fill(out, 0.0).transpose(1, 2) @ gradient
        of_kept = (gradient @ v.transpose(1, 2)).masked_fill_(out, 0.0)  # (B * H, S, S)
        of_scores = torch.ops.aten._softmax_backward_data(of_kept, probabilities, -1, dtype)
        of_query = (of_scores @ k).div_(math.sqrt(q.shape[-1]))
        of_key = of_scores.transpose(1, 2) @ q
        pairs = zip((of_query, of_key, of_value), ctx.shapes, strict=True)
        return *(x.to(gradients[0].dtype).view(shape) for x, shape in pairs), None, None


def _dtype_of_products(x: Tensor) -> torch.dtype:
    return torch.float32 if x.shape[-2] < SHORT else x.dtype
