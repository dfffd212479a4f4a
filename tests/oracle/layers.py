"""The layers of DistilBERT in float64 NumPy, each with a hand-written backward pass.

Written from the specification, not from `src`. Every function returns its value and a `pull`: given
the gradient of the value, `pull` adds the gradients of the weights to a dict and returns that of x.
Weights go by their PyTorch names; a matrix is (out, in).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

Array = np.ndarray
Weights = Mapping[str, Array]
Grads = dict[str, Array]
Pull = Callable[[Array, Grads], Array]

NORM_EPSILON = 1e-12
_erf = np.vectorize(math.erf, otypes=[np.float64])


def _sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def _tanh_gelu(x: Array) -> Array:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _erf_gelu(x: Array) -> Array:
    return 0.5 * x * (1 + _erf(x / math.sqrt(2)))


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": _erf_gelu,
    "gelu_python": _erf_gelu,
    "gelu_new": _tanh_gelu,
    "gelu_fast": _tanh_gelu,
    "gelu_pytorch_tanh": _tanh_gelu,
    "relu": lambda x: np.maximum(x, 0),
    "relu6": lambda x: np.clip(x, 0, 6),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "silu": lambda x: x * _sigmoid(x),
    "swish": lambda x: x * _sigmoid(x),
    "quick_gelu": lambda x: x * _sigmoid(1.702 * x),
    "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "linear": lambda x: x,
}


def add(grads: Grads, name: str, value: Array) -> None:
    """Accumulate: a weight may be used twice (the tied projection)."""
    grads[name] = grads[name] + value if name in grads else value


def linear(weights: Weights, name: str, x: Array) -> tuple[Array, Pull]:
    """x W' + b over the last axis."""
    matrix = weights[f"{name}.weight"]

    def pull(dy: Array, grads: Grads) -> Array:
        d_rows = dy.reshape(-1, dy.shape[-1])
        add(grads, f"{name}.weight", d_rows.T @ x.reshape(-1, x.shape[-1]))
        add(grads, f"{name}.bias", d_rows.sum(0))
        return dy @ matrix

    return x @ matrix.T + weights[f"{name}.bias"], pull


def norm(weights: Weights, name: str, x: Array) -> tuple[Array, Pull]:
    """LayerNorm over the last axis, biased variance."""
    scale = weights[f"{name}.weight"]
    deviation = np.sqrt(x.var(-1, keepdims=True) + NORM_EPSILON)
    unit = (x - x.mean(-1, keepdims=True)) / deviation

    def pull(dy: Array, grads: Grads) -> Array:
        flat = (-1, dy.shape[-1])
        add(grads, f"{name}.weight", (dy * unit).reshape(flat).sum(0))
        add(grads, f"{name}.bias", dy.reshape(flat).sum(0))
        d_unit = dy * scale
        along = (d_unit * unit).mean(-1, keepdims=True)
        return (d_unit - d_unit.mean(-1, keepdims=True) - unit * along) / deviation

    return unit * scale + weights[f"{name}.bias"], pull


def activate(name: str, x: Array) -> tuple[Array, Pull]:
    """An activation; its slope is a central difference, exact to about 1e-9."""
    function, step = ACTIVATIONS[name], 1e-6
    slope = (function(x + step) - function(x - step)) / (2 * step)
    return function(x), lambda dy, grads: dy * slope


def softmax(scores: Array) -> Array:
    shifted = np.exp(scores - scores.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def attention(
    weights: Weights, name: str, x: Array, head_size: int, mask: Array, head_mask: Array | None
) -> tuple[Array, Array, Pull]:
    """Multi-head self-attention: output (B, S, D), probabilities (B, H, S, S), pull.

    `mask` (B, S): a key is hidden where it equals 0; a row with no visible key attends to every key
    alike. `head_mask` (H,) multiplies the probabilities.
    """
    batch, length, _ = x.shape

    def split(y: Array) -> Array:
        return y.reshape(batch, length, -1, head_size).transpose(0, 2, 1, 3)  # (B, H, S, K)

    def merge(y: Array) -> Array:
        return y.transpose(0, 2, 1, 3).reshape(batch, length, -1)  # (B, S, H*K)

    (q, pull_q), (k, pull_k), (v, pull_v) = (
        linear(weights, f"{name}.{part}_lin", x) for part in "qkv"
    )
    q, k, v = split(q) / math.sqrt(head_size), split(k), split(v)
    hidden = (mask == 0)[:, None, None, :]
    scores = np.where(hidden, np.finfo(np.float32).min, q @ k.swapaxes(-1, -2))
    plain = softmax(scores)
    gate = 1.0 if head_mask is None else head_mask[:, None, None]
    probabilities = plain * gate
    out, pull_out = linear(weights, f"{name}.out_lin", merge(probabilities @ v))

    def pull(dy: Array, grads: Grads) -> Array:
        d_mixed = split(pull_out(dy, grads))
        d_plain = d_mixed @ v.swapaxes(-1, -2) * gate
        d_scores = plain * (d_plain - (d_plain * plain).sum(-1, keepdims=True))
        d_scores = np.where(hidden, 0, d_scores)
        d_q = d_scores @ k / math.sqrt(head_size)
        d_k = d_scores.swapaxes(-1, -2) @ q
        d_v = probabilities.swapaxes(-1, -2) @ d_mixed
        return pull_q(merge(d_q), grads) + pull_k(merge(d_k), grads) + pull_v(merge(d_v), grads)

    return out, probabilities, pull
