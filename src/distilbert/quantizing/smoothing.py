"""SmoothQuant (arXiv 2211.10438): large channels move from what a layer multiplies to its weights.

One scale holds for all channels of an activation, so that a few large ones leave the others with
few steps; weights have a scale per output channel. x W = (x / s) (s W) with a factor s per input
channel is exact in float32. The division is an operator of its own, since the output of a
LayerNormalization is a residual as well and an activation such as GELU lets no factor through.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from distilbert.exporting.graph import Graph, Node
from distilbert.quantizing.layers import LINEAR, Layer

# How much of the range of activations moves, from 0 to 1; the paper's alpha.
STRENGTH = 0.8
# Channels that are smaller than this, as a fraction of the largest, count as that large.
SMALLEST = 1e-3


def smoothed(graph: Graph, layers: Collection[Layer], largest: Mapping[str, np.ndarray]) -> Graph:
    """A graph with the same answers in float32, in which layers multiply smoother values.

    Args:
        largest: the largest absolute number of each channel, (K,), of the values that layers
            multiply, by name.
    """
    layers = [layer for layer in layers if all(one.operator in LINEAR for one in layer.nodes)]
    readers: dict[str, list[Layer]] = {}
    for layer in layers:
        for name in dict.fromkeys(layer.inputs):
            readers.setdefault(name, []).append(layer)
    factors = {
        name: _factors(graph, found, largest[name])
        for name, found in readers.items()
        if largest[name].any() and all(len({*one.inputs}) == 1 for one in found)
    }
    return _with_factors(graph, layers, factors)


def _factors(graph: Graph, layers: list[Layer], largest: np.ndarray) -> np.ndarray:
    """s for each channel, float32 (K,)."""
    matrices = [np.abs(graph.constants[one.weight].astype(np.float32)) for one in layers]
    weights = np.max(
        [matrix.max(axis=one.axis) for one, matrix in zip(layers, matrices, strict=True)], axis=0
    )
    if not weights.any():
        return np.ones_like(largest)
    x, w = (np.maximum(one, SMALLEST * one.max()) for one in (largest, weights))
    return (x**STRENGTH / w ** (1 - STRENGTH)).astype(np.float32)


def _with_factors(
    graph: Graph, layers: Collection[Layer], factors: Mapping[str, np.ndarray]
) -> Graph:
    changed = Graph(graph.opset)
    changed.inputs, changed.outputs = graph.inputs, graph.outputs
    changed.constants = dict(graph.constants)
    readers = {node.outputs[0]: layer for layer in layers for node in layer.nodes}
    for node in graph.nodes:
        x, layer = node.inputs[0] if node.inputs else "", readers.get(node.outputs[0])
        if layer is None or x not in factors:
            changed.nodes.append(node)
            continue
        if f"{x}_factor" not in changed.constants:
            changed.constants[f"{x}_factor"] = 1 / factors[x]
            changed.nodes.append(Node("Mul", (x, f"{x}_factor"), (f"{x}_smooth",), {}))
        matrix = graph.constants[layer.weight].astype(np.float32)
        scale = factors[x] if layer.axis == 0 else factors[x][:, None]
        changed.constants[layer.weight] = np.ascontiguousarray(matrix * scale)
        inputs = (f"{x}_smooth", layer.weight, *node.inputs[2:])
        changed.nodes.append(Node(node.operator, inputs, node.outputs, node.attributes))
    return changed
