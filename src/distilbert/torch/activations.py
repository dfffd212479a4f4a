"""Activation functions by the names a config uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from distilbert.config_checks import GELU_CLIP, SIGMOID_GELU_SCALE, find_activation

Activation = Callable[[Tensor], Tensor]


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x)."""
    return x * torch.sigmoid(SIGMOID_GELU_SCALE * x)


def clipped_gelu(x: Tensor) -> Tensor:
    """GELU, never above 10 or below -10."""
    return F.gelu(x).clamp(-GELU_CLIP, GELU_CLIP)


def linear(x: Tensor) -> Tensor:
    """x itself."""
    return x


# 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
_tanh_gelu = partial(F.gelu, approximate="tanh")

_BY_NAME: dict[str, Activation] = {
    "gelu": F.gelu,
    "gelu_10": clipped_gelu,
    "gelu_new": _tanh_gelu,
    "leaky_relu": F.leaky_relu,
    "linear": linear,
    "mish": F.mish,
    "quick_gelu": quick_gelu,
    "relu": F.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "tanh": torch.tanh,
}


def activation_function(activation: str | Activation) -> Activation:
    """The function of a config's `activation`; a callable is returned as is.

    Raises:
        ActivationError: an unknown name.
    """
    return find_activation(_BY_NAME, activation)
