"""Attention within the sequences of a packed batch, those of similar length at a time."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from distilbert.torch.attention import attend
from distilbert.torch.packing import Packing


def attend_packed(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    packing: Packing,
    first_only: bool,
    head_size: int,
    dropout: float,
    implementation: str,
) -> Tensor:
    """Attention within each sequence of a packed batch.

    Args:
        queries: (1, T, H * K), or with `first_only` (1, B or more, H * K), one of each sequence as
            `packing.first_tokens` returns them.
        keys, values: (1, T, H * K).
        dropout, implementation: as in `attend`.

    Returns:
        The attended values in the shape of `queries`.
    """
    found = []
    for group in packing.groups:
        query = group.first_tokens(queries) if first_only else group.unpack(queries)
        parts = (query, group.unpack(keys), group.unpack(values))  # (B, S, H * K)
        context, _ = attend(
            *(x.unflatten(-1, (-1, head_size)).transpose(1, 2) for x in parts),
            visible=group.visible,
            head_mask=None,
            dropout=dropout,
            implementation=implementation,
            return_probabilities=False,
            lean=True,
        )
        context = context.transpose(1, 2).flatten(2)  # (B, S, H * K)
        found.append(context[:, 0] if first_only else group.pack(context))
    packed = torch.cat(found)
    return F.pad(packed, (0, 0, 0, queries.shape[1] - len(packed)))[None]
