"""Dropout for training on a CPU, where PyTorch draws one random number per element.

Here 64 random bits serve four elements, and the mask takes one byte per element.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

LEVELS = 2**16


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`, which the trainer can make faster on a CPU.

    `is_fast` draws other random numbers, with a probability that is exact to 1 / 65,536, and cannot
    be used with `torch.func`.
    """

    is_fast = False

    def forward(self, input: Tensor) -> Tensor:
        """Drop elements of a tensor of any shape while in training."""
        drops = self.is_fast and self.training and 0 < self.p < 1 and input.is_cpu
        if not drops or torch.compiler.is_compiling():
            return super().forward(input)
        result: Any = _Dropout.apply(input, self.p)
        return result


def dropped(shape: tuple[int, ...], probability: float) -> tuple[Tensor, float]:
    """A bool tensor that is True with `probability`, and the exact probability used."""
    level = min(round(probability * LEVELS), LEVELS - 1)  # some values are always kept
    n = math.prod(shape)
    words = torch.empty(-(-n // 4), dtype=torch.int64).random_(-(2**63), None)
    drawn = words.view(torch.int16)[:n].view(shape)
    return drawn < level - LEVELS // 2, level / LEVELS


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, probability: float) -> Tensor:
        out, exact = dropped(tuple(x.shape), probability)
        ctx.save_for_backward(out)
        ctx.kept = 1 - exact
        return x.masked_fill(out, 0.0).div_(ctx.kept)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (out,) = ctx.saved_tensors
        return gradients[0].masked_fill(out, 0.0).div_(ctx.kept), None
