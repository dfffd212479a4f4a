"""Activation functions by the names a config uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from distilbert.config_checks import GELU_CLIP, SIGMOID_GELU_SCALE, find_activation

Activation = Callable[[Array], Array]


def quick_gelu(x: Array) -> Array:
    """x * sigmoid(1.702 x)."""
    return x * jax.nn.sigmoid(SIGMOID_GELU_SCALE * x)


def clipped_gelu(x: Array) -> Array:
    """GELU, never above 10 or below -10."""
    return jnp.clip(_gelu(x), -GELU_CLIP, GELU_CLIP)


def linear(x: Array) -> Array:
    """x itself."""
    return x


_gelu = partial(jax.nn.gelu, approximate=False)
# 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
_tanh_gelu = partial(jax.nn.gelu, approximate=True)

_BY_NAME: dict[str, Activation] = {
    "gelu": _gelu,
    "gelu_10": clipped_gelu,
    "gelu_new": _tanh_gelu,
    "leaky_relu": jax.nn.leaky_relu,
    "linear": linear,
    "mish": jax.nn.mish,
    "quick_gelu": quick_gelu,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
}


def activation_function(activation: str | Activation) -> Activation:
    """The function of a config's `activation`; a callable is returned as is.

    Raises:
        ActivationError: an unknown name.
    """
    return find_activation(_BY_NAME, activation)
