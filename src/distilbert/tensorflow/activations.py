"""Activation functions by the names a config uses."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import tensorflow as tf
from tensorflow import Tensor

from distilbert.config_checks import GELU_CLIP, SIGMOID_GELU_SCALE, find_activation

Activation = Callable[[Tensor], Tensor]

# PyTorch's slope of `leaky_relu` below zero; TensorFlow's default is another one.
LEAKY_SLOPE = 0.01


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution function of x; TensorFlow's rounds a constant."""
    return 0.5 * x * (1 + tf.math.erf(math.sqrt(0.5) * x))


def quick_gelu(x: Tensor) -> Tensor:
    """x * sigmoid(1.702 x)."""
    return x * tf.sigmoid(SIGMOID_GELU_SCALE * x)


def clipped_gelu(x: Tensor) -> Tensor:
    """GELU, never above 10 or below -10."""
    return tf.clip_by_value(gelu(x), -GELU_CLIP, GELU_CLIP)


def mish(x: Tensor) -> Tensor:
    """x * tanh(softplus(x)) (Misra 2019, arXiv 1908.08681)."""
    return x * tf.tanh(tf.nn.softplus(x))


def leaky_relu(x: Tensor) -> Tensor:
    """x, a hundredth of it below zero."""
    return tf.maximum(x, LEAKY_SLOPE * x)


def linear(x: Tensor) -> Tensor:
    """x itself."""
    return x


# 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
_tanh_gelu = partial(tf.nn.gelu, approximate=True)

_BY_NAME: dict[str, Activation] = {
    "gelu": gelu,
    "gelu_10": clipped_gelu,
    "gelu_new": _tanh_gelu,
    "leaky_relu": leaky_relu,
    "linear": linear,
    "mish": mish,
    "quick_gelu": quick_gelu,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "sigmoid": tf.sigmoid,
    "silu": tf.nn.silu,
    "tanh": tf.tanh,
}


def activation_function(activation: str | Activation) -> Activation:
    """The function of a config's `activation`; a callable is returned as is.

    Raises:
        ActivationError: an unknown name.
    """
    return find_activation(_BY_NAME, activation)
