"""Scaled dot-product attention: one function, `attend`, with three implementations.

All agree within rounding, including padded queries and fully masked rows. Tensors only: no module,
no config.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from distilbert._install import install_command
from distilbert._lazy import is_available, require
from distilbert.errors import ConfigError, InputError, MissingDependencyError
from distilbert.torch.dropped_attention import dropped_attention

IMPLEMENTATIONS = ("eager", "sdpa", "flash_attention_2")
DEFAULT_IMPLEMENTATION = "sdpa"


def check_implementation(name: str | None) -> str:
    """Return `name`, or the default for None, if it works on this machine.

    Raises:
        ConfigError: an unknown name.
        MissingDependencyError: flash attention without its package or without a CUDA device.
    """
    if name is None:
        return DEFAULT_IMPLEMENTATION
    if name not in IMPLEMENTATIONS:
        known = ", ".join(IMPLEMENTATIONS)
        raise ConfigError(f"`attn_implementation` must be one of {known}: got {name!r}.")
    if name == "flash_attention_2":
        if not is_available("flash_attn"):
            raise MissingDependencyError(
                f"`attn_implementation='flash_attention_2'` needs the package `flash_attn`, which "
                f"is not installed: {install_command('flash_attn')}"
            )
        if not torch.cuda.is_available():
            raise MissingDependencyError(
                "`attn_implementation='flash_attention_2'` needs a CUDA device: found none. Use "
                "'sdpa', which computes the same on every device."
            )
    return name


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    visible: Tensor | None,
    head_mask: Tensor | None,
    dropout: float,
    implementation: str,
    return_probabilities: bool,
    lean: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Scaled dot-product attention.

    Fused kernels neither return probabilities nor take a head mask. A call that needs either is
    computed by `eager`, whatever `implementation` is.

    Args:
        query: (B, H, S, K), or fewer queries than keys.
        key, value: (B, H, S, K).
        visible: bool (B, 1, 1, S), False where a key is masked; None when all are visible. A row
            without any visible key attends to all keys equally.
        head_mask: broadcastable to (B, H, S, S); multiplies the probabilities after dropout.
        dropout: probability of dropping an attention probability; 0 outside training.
        lean: on a CPU, keep little for the backward pass; there are no second derivatives then.

    Returns:
        The attended values in the shape of `query`, and the probabilities (B, H, S, S) or None.
    """
    if return_probabilities or head_mask is not None or implementation == "eager":
        context, probabilities = _eager(query, key, value, visible, head_mask, dropout)
        return context, probabilities if return_probabilities else None
    if visible is not None:
        # Fused kernels return 0 or nan for a row without visible keys. A query of zeros over keys
        # that are all visible gives the required uniform attention, in every dtype.
        empty = ~visible.any(dim=-1, keepdim=True)  # (B, 1, 1, 1)
        query = query.masked_fill(empty, 0.0)
        visible = visible | empty
    if implementation == "flash_attention_2":
        return _flash(query, key, value, visible, dropout), None
    if lean and dropout > 0 and query.device.type == "cpu":
        return dropped_attention(query, key, value, visible, dropout), None
    return F.scaled_dot_product_attention(query, key, value, visible, dropout), None


def _eager(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    visible: Tensor | None,
    head_mask: Tensor | None,
    dropout: float,
) -> tuple[Tensor, Tensor]:
    query = query / math.sqrt(query.shape[-1])
    scores = query @ key.transpose(-2, -1)  # (B, H, S, S)
    if visible is not None:
        # The lowest finite number rather than -inf: a fully masked row stays finite and uniform.
        scores = scores.masked_fill(~visible, torch.finfo(scores.dtype).min)
    probabilities = scores.softmax(dim=-1)
    if dropout > 0:
        probabilities = F.dropout(probabilities, p=dropout)
    if head_mask is not None:
        probabilities = probabilities * head_mask
    return probabilities @ value, probabilities  # (B, H, S, K)


def _flash(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, dropout: float
) -> Tensor:
    if query.dtype not in (torch.float16, torch.bfloat16) or not query.is_cuda:
        raise InputError(
            f"`flash_attention_2` computes in float16 or bfloat16 on a CUDA device: got "
            f"{query.dtype} on {query.device}. Load with `torch_dtype=torch.bfloat16` and move the "
            f"model to 'cuda', or use `attn_implementation='sdpa'`."
        )
    kernels: Any = require("flash_attn", "compute flash attention")
    query, key, value = (x.transpose(1, 2) for x in (query, key, value))  # (B, S, H, K)
    if visible is None:
        context = kernels.flash_attn_func(query, key, value, dropout_p=dropout)
        return context.transpose(1, 2)  # (B, H, S, K)
    return _flash_packed(kernels, query, key, value, visible[:, 0, 0], dropout)


def _flash_packed(
    kernels: Any, query: Tensor, key: Tensor, value: Tensor, visible: Tensor, dropout: float
) -> Tensor:
    """Every query, but only the visible keys (T of them), packed row after row."""
    n_rows, length = query.shape[:2]
    n_keys = visible.sum(dim=-1, dtype=torch.int32)  # (B,)
    key_ends = F.pad(n_keys.cumsum(0, dtype=torch.int32), (1, 0))  # (B + 1,)
    query_ends = torch.arange(n_rows + 1, dtype=torch.int32, device=query.device) * length
    context = kernels.flash_attn_varlen_func(
        query.flatten(0, 1),  # (B * S, H, K)
        key[visible],  # (T, H, K)
        value[visible],
        cu_seqlens_q=query_ends,
        cu_seqlens_k=key_ends,
        max_seqlen_q=length,
        max_seqlen_k=int(n_keys.max()),
        dropout_p=dropout,
    )
    return context.unflatten(0, (n_rows, length)).transpose(1, 2)  # (B, H, S, K)
