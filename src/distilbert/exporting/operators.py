"""Activations, attention and pooling in the standard operators that a version of ONNX has.

Newer operators are used where `Graph.opset` has them: Gelu from 20, Attention from 23.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from distilbert.config_checks import GELU_CLIP, SIGMOID_GELU_SCALE, find_activation
from distilbert.exporting.graph import Graph

# LayerNormalization came with 17, `num_outputs` of Split and axes as inputs of reductions with 18.
MIN_OPSET, MAX_OPSET = 18, 23
# onnxruntime reads it from 1.17 on. In 23, attention is one operator, which newer versions compute
# no faster (docs/decisions/0012-onnx-graphs-are-built-from-arrays.md).
DEFAULT_OPSET = 20
GELU_OPSET, ATTENTION_OPSET = 20, 23
TINY = float(np.finfo(np.float32).tiny)
# Added to the scores of hidden keys: a finite number, so that a row without any visible key stays
# finite and uniform, and not the lowest one, which onnxruntime takes for such a row.
HIDDEN = float(np.finfo(np.float32).min) / 2


def _scalar(graph: Graph, value: float) -> str:
    return graph.constant(value, np.float32)


def _gelu(graph: Graph, x: str) -> str:
    if graph.opset >= GELU_OPSET:
        return graph.add("Gelu", x)
    # x / 2 (1 + erf(x / sqrt(2))), in the order that onnxruntime recognizes and fuses
    error = graph.add("Erf", graph.add("Div", x, _scalar(graph, math.sqrt(2))))
    double = graph.add("Mul", x, graph.add("Add", error, _scalar(graph, 1)))
    return graph.add("Mul", double, _scalar(graph, 0.5))


def _tanh_gelu(graph: Graph, x: str) -> str:
    if graph.opset >= GELU_OPSET:
        return graph.add("Gelu", x, approximate="tanh")
    cube = graph.add("Mul", graph.add("Mul", x, x), x)
    inner = graph.add("Add", x, graph.add("Mul", cube, _scalar(graph, 0.044715)))
    bent = graph.add("Tanh", graph.add("Mul", inner, _scalar(graph, math.sqrt(2 / math.pi))))
    double = graph.add("Mul", x, graph.add("Add", bent, _scalar(graph, 1)))
    return graph.add("Mul", double, _scalar(graph, 0.5))


def _gated(graph: Graph, x: str, scale: float = 1.0) -> str:
    """x * sigmoid(scale * x)."""
    scaled = x if scale == 1.0 else graph.add("Mul", x, _scalar(graph, scale))
    return graph.add("Mul", x, graph.add("Sigmoid", scaled))


def _clip(graph: Graph, x: str, low: float, high: float) -> str:
    return graph.add("Clip", x, _scalar(graph, low), _scalar(graph, high))


def _mish(graph: Graph, x: str) -> str:
    return graph.add("Mul", x, graph.add("Tanh", graph.add("Softplus", x)))


Activation = Callable[[Graph, str], str]
_BY_NAME: dict[str, Activation] = {
    "gelu": _gelu,
    "gelu_10": lambda graph, x: _clip(graph, _gelu(graph, x), -GELU_CLIP, GELU_CLIP),
    "gelu_new": _tanh_gelu,
    "leaky_relu": lambda graph, x: graph.add("LeakyRelu", x, alpha=0.01),
    "linear": lambda graph, x: x,
    "mish": _mish,
    "quick_gelu": lambda graph, x: _gated(graph, x, SIGMOID_GELU_SCALE),
    "relu": lambda graph, x: graph.add("Relu", x),
    "relu6": lambda graph, x: _clip(graph, x, 0, 6),
    "sigmoid": lambda graph, x: graph.add("Sigmoid", x),
    "silu": _gated,
    "tanh": lambda graph, x: graph.add("Tanh", x),
}


def activate(graph: Graph, x: str, name: str) -> str:
    """x under the activation of a config.

    Raises:
        ActivationError: an unknown name.
    """
    return find_activation(_BY_NAME, name)(graph, x)


def attention_bias(graph: Graph, visible: str) -> str:
    """What is added to the scores, (B, 1, 1, S): 0 for visible keys, else `HIDDEN`."""
    hidden = _scalar(graph, HIDDEN)
    bias = graph.add("Where", visible, _scalar(graph, 0), hidden)
    return graph.add("Unsqueeze", bias, graph.axes(1, 2))


def attend(
    graph: Graph, query: str, key: str, value: str, *, bias: str, n_heads: int, head_size: int
) -> str:
    """Multi-head attention of (B, Q, W) over (B, S, W): (B, Q, W), in which W is all heads' width.

    `bias` is (B, 1, 1, S).
    """
    if graph.opset >= ATTENTION_OPSET:
        # onnxruntime takes no bias of one query for all: it has to have the size of the scores.
        sizes = [graph.add("Shape", x, start=1, end=2) for x in (query, key)]
        lead = graph.add("Shape", bias, start=0, end=2)
        shape = graph.add("Concat", lead, *sizes, axis=0)
        expanded = graph.add("Expand", bias, shape)  # (B, 1, Q, S)
        heads = {"q_num_heads": n_heads, "kv_num_heads": n_heads}
        return graph.add("Attention", query, key, value, expanded, **heads)
    split = [graph.reshape(x, 0, 0, n_heads, head_size) for x in (query, key, value)]
    order = ((0, 2, 1, 3), (0, 2, 3, 1), (0, 2, 1, 3))
    q, k, v = (graph.add("Transpose", x, perm=perm) for x, perm in zip(split, order, strict=True))
    q = graph.add("Mul", q, _scalar(graph, 1 / math.sqrt(head_size)))
    scores = graph.add("Add", graph.add("MatMul", q, k), bias)  # (B, H, Q, S)
    context = graph.add("MatMul", graph.add("Softmax", scores, axis=-1), v)
    merged = graph.add("Transpose", context, perm=(0, 2, 1, 3))
    return graph.reshape(merged, 0, 0, n_heads * head_size)


def pool(graph: Graph, states: str, visible: str, mode: str) -> str:
    """One vector per text, (B, D), from states (B, S, D) and the visible tokens (B, S)."""
    if mode == "cls":
        return graph.add("Gather", states, graph.constant(0, np.int64), axis=1)
    counts = graph.add("Unsqueeze", visible, graph.axes(2))  # (B, S, 1)
    over_tokens = graph.axes(1)
    if mode == "max":
        low = _scalar(graph, HIDDEN)
        kept = graph.add("Where", counts, states, low)
        return graph.add("ReduceMax", kept, over_tokens, keepdims=0)
    weights = graph.add("Where", counts, _scalar(graph, 1), _scalar(graph, 0))
    total = graph.add(
        "ReduceSum", graph.add("Mul", states, weights), over_tokens, keepdims=0
    )  # (B, D)
    n_tokens = graph.add("ReduceSum", weights, over_tokens, keepdims=0)  # (B, 1)
    return graph.add("Div", total, graph.add("Max", n_tokens, _scalar(graph, 1)))


def normalize(graph: Graph, vectors: str) -> str:
    """Vectors (B, D) scaled to length 1; a zero vector stays zero."""
    length = graph.add("ReduceL2", vectors, graph.axes(1), keepdims=1)
    return graph.add("Div", vectors, graph.add("Max", length, _scalar(graph, TINY)))
