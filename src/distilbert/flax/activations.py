"""Activation functions by the names a config uses."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from distilbert.errors import ActivationError

Activation = Callable[[Array], Array]

# The sigmoid approximation of GELU (Hendrycks and Gimpel 2016, section 2).
SIGMOID_GELU_SCALE = 1.702
# What `gelu_10` clips GELU to (Wu et al. 2020, arXiv 2004.09602, on int8 quantisation).
CLIP = 10.0


def quick_gelu(x: Array) -> Array:
    """x * sigmoid(1.702 x)."""
    return x * jax.nn.sigmoid(SIGMOID_GELU_SCALE * x)


def clipped_gelu(x: Array) -> Array:
    """GELU, never above 10 or below -10."""
    return jnp.clip(_gelu(x), -CLIP, CLIP)


def linear(x: Array) -> Array:
    """x itself."""
    return x


_gelu = partial(jax.nn.gelu, approximate=False)
# One formula (0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))) under the three names it has.
_tanh_gelu = partial(jax.nn.gelu, approximate=True)

_BY_NAME: dict[str, Activation] = {
    "gelu": _gelu,
    "gelu_10": clipped_gelu,
    "gelu_fast": _tanh_gelu,
    "gelu_new": _tanh_gelu,
    "gelu_python": _gelu,
    "gelu_pytorch_tanh": _tanh_gelu,
    "leaky_relu": jax.nn.leaky_relu,
    "linear": linear,
    "mish": jax.nn.mish,
    "quick_gelu": quick_gelu,
    "relu": jax.nn.relu,
    "relu6": jax.nn.relu6,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "swish": jax.nn.silu,
    "tanh": jnp.tanh,
}


def activation_function(activation: str | Activation) -> Activation:
    """The function behind a config's `activation`; a callable is its own.

    Raises:
        ActivationError: an unknown name.
    """
    if not isinstance(activation, str):
        return activation
    if activation not in _BY_NAME:
        known = ", ".join(sorted(_BY_NAME))
        raise ActivationError(f"`activation` must be one of {known}: got {activation!r}.")
    return _BY_NAME[activation]
