"""Which matrices of a graph can be stored in int8, and which nodes read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from distilbert.exporting.graph import Graph, Node

# A layer with fewer outputs, such as the last one of a classifier, would save nothing.
MIN_ROWS = 16
LINEAR, TABLE = ("Gemm", "MatMul"), "Gather"


@dataclass(frozen=True)
class Layer:
    """A matrix that linear layers multiply by, or a table from which rows are gathered, or both.

    Attributes:
        name: that of the constant, without `.weight`.
        weight: the constant itself.
        axis: that of the output channels or the rows of the table, each of which gets a scale.
        nodes: what reads the matrix.
    """

    name: str
    weight: str
    axis: int
    nodes: tuple[Node, ...]

    @property
    def inputs(self) -> list[str]:
        """The values that are multiplied by the matrix."""
        return [node.inputs[0] for node in self.nodes if node.operator in LINEAR]


def find_layers(graph: Graph) -> dict[str, Layer]:
    """The layers of a graph by name, in the order in which they are computed.

    A matrix may be stored in float16 if it becomes float32 before it is used.
    """
    casts = float_casts(graph)
    readers: dict[str, list[Node]] = {}
    for node in graph.nodes:
        for name in dict.fromkeys(node.inputs):
            readers.setdefault(casts.get(name, name), []).append(node)
    found = {}
    for name, nodes in readers.items():
        users = [node for node in nodes if node.outputs[0] not in casts]
        axis = _axis(graph, name, users, casts)
        if axis is not None:
            short = name.removesuffix(".weight")
            found[short] = Layer(short, name, axis, tuple(users))
    order = {node.outputs[0]: number for number, node in enumerate(graph.nodes)}
    return dict(sorted(found.items(), key=lambda one: order[one[1].nodes[0].outputs[0]]))


def float_casts(graph: Graph) -> dict[str, str]:
    """The constants that are converted to another type first, by the name of the result."""
    return {
        node.outputs[0]: node.inputs[0]
        for node in graph.nodes
        if node.operator == "Cast" and node.inputs[0] in graph.constants
    }


def _axis(graph: Graph, name: str, users: Iterable[Node], casts: dict[str, str]) -> int | None:
    """The axis of the scales if every user can take the matrix in int8, else None."""
    array = graph.constants.get(name)
    if array is None or array.ndim != 2 or array.dtype not in (np.float32, np.float16):
        return None
    axes = {_axis_for(node, name, graph, casts) for node in users}
    axis = axes.pop() if len(axes) == 1 else None
    return None if axis is None or array.shape[axis] < MIN_ROWS else axis


def _axis_for(node: Node, name: str, graph: Graph, casts: dict[str, str]) -> int | None:
    is_float = graph.constants[name].dtype == np.float32
    if node.operator == TABLE:
        is_table = node.inputs[0] == name and node.attributes.get("axis", 0) == 0
        return 0 if is_table and (is_float or _becomes_float(node, graph)) else None
    if node.operator not in LINEAR:
        return None
    x, matrix = node.inputs[:2]
    if casts.get(matrix, matrix) != name or x == matrix or (matrix == name and not is_float):
        return None
    if node.operator == "MatMul":
        return 1
    usual = {"alpha": 1.0, "beta": 1.0, "transA": 0}
    if any(node.attributes.get(key, value) != value for key, value in usual.items()):
        return None
    return 0 if node.attributes.get("transB", 0) else 1


def _becomes_float(node: Node, graph: Graph) -> bool:
    """Whether rows gathered in float16 are only used as float32."""
    users = [one for one in graph.nodes if node.outputs[0] in one.inputs]
    return all(one.operator == "Cast" for one in users)
