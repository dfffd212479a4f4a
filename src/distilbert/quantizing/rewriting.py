"""A graph with some of its layers quantized, in standard operators.

Weights in int8 have a scale per output channel; the rows of a table have one each. What a layer
multiplies is uint8: with a range that is a constant (static, `QuantizeLinear` and
`DequantizeLinear` around a float operator, which runtimes join), or that is measured at each call
(dynamic, with operators for it or by the runtime itself). Weights in float16 or bfloat16 become
float32 when a runtime loads them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from distilbert.checkpoint.int8_rows import quantize_rows
from distilbert.checkpoint.stored_types import as_stored
from distilbert.exporting.graph import Graph, Node
from distilbert.quantizing.layers import LINEAR, Layer, float_casts

FLOAT = 1  # `TensorProto.FLOAT`
# onnxruntime joins a Gemm with these after it to an operator of float32, before it looks for
# DequantizeLinear; the product of integers is then written out.
JOINED_ACTIVATIONS = ("Relu", "LeakyRelu", "Sigmoid", "Tanh", "Softplus")
LEVELS = 255  # steps of uint8
# onnxruntime adds a bias to the int32 sum of products, as an integer in the unit of that sum. Below
# half of int32's range it leaves as much for the products, enough for 30,000 of 127 times 255.
LARGEST_BIAS = 2**30
# A channel whose weights are all 0 has no scale of its own. Its bias is rounded to this one, or to
# that of the channel with the smallest weights.
EMPTY_SCALE = 1e-3
# Bits of a weight -> its largest value; products of 7 bits cannot overflow where a processor adds
# pairs of them in int16 (x86 without VNNI).
LARGEST = {8: 127, 7: 63}

Ranges = Mapping[str, tuple[float, float]]
Stored = Literal["int8", "float16", "bfloat16"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How layers are quantized.

    Attributes:
        dtype: of the weights. Those in float16 and bfloat16 are only stored so.
        bits: of weights in int8: 8, or 7 for processors without VNNI instructions.
        ranges: the lowest and highest number of each value that a layer multiplies, by its name;
            None: they are found at each call.
        finds_integers: whether the runtime multiplies integers wherever weights are in int8, and
            finds ranges at each call itself. Otherwise the graph says all of it.
    """

    dtype: Stored = "int8"
    bits: int = 8
    ranges: Ranges | None = None
    finds_integers: bool = False


def quantized(graph: Graph, layers: Collection[Layer], form: Form) -> Graph:
    """A copy of a graph with `layers` quantized.

    Raises:
        CheckpointError: a weight is not finite, or too large for float16.
    """
    return _Rewriter(graph, layers, form).rewritten()


class _Rewriter:
    def __init__(self, graph: Graph, layers: Collection[Layer], form: Form) -> None:
        self.source, self.form = graph, form
        self.layers = {node.outputs[0]: layer for layer in layers for node in layer.nodes}
        self.casts = float_casts(graph)
        self.graph = Graph(graph.opset)
        self.graph.inputs, self.graph.outputs = graph.inputs, graph.outputs
        self.graph.constants = dict(graph.constants)
        self.made: set[str] = set()
        self.activated = {
            node.inputs[0] for node in graph.nodes if node.operator in JOINED_ACTIVATIONS
        }

    def rewritten(self) -> Graph:
        for node in self.source.nodes:
            layer = self.layers.get(node.outputs[0])
            if layer is None:
                self.graph.nodes.append(node)
                continue
            if self.form.dtype != "int8":
                self._half(node, layer)
                continue
            self._store(layer)
            if node.operator not in LINEAR:
                self._rows(node, layer)
            elif self.form.ranges is not None:
                self._static(node, layer, self.form.ranges[node.inputs[0]])
            elif self.form.finds_integers:
                self._float_product(node, layer, *node.inputs[:1], *node.inputs[2:])
            else:
                self._dynamic(node, layer)
        _drop_unused(self.graph)
        return self.graph

    def _add(self, operator: str, *inputs: str, out: str | tuple[str, ...], **facts: int) -> str:
        """A node with the output `out`, once, and the name of its first output."""
        outputs = (out,) if isinstance(out, str) else out
        if outputs[0] not in self.made:
            self.made.add(outputs[0])
            self.graph.nodes.append(Node(operator, inputs, outputs, facts))
        return outputs[0]

    def _constant(self, name: str, value: np.ndarray) -> str:
        self.graph.constants[name] = value
        return name

    def _half(self, node: Node, layer: Layer) -> None:
        """A product or a gathering of rows with weights in float16 or bfloat16."""
        stored, out = f"{layer.name}.{self.form.dtype}", node.outputs[0]
        if stored not in self.graph.constants:
            matrix = {layer.name: self.source.constants[layer.weight]}
            self._constant(stored, as_stored(matrix, self.form.dtype)[layer.name])
        if node.operator not in LINEAR:
            rows = self._add("Gather", stored, node.inputs[1], out=f"{out}_half", axis=0)
            self._add("Cast", rows, to=FLOAT, out=out)
            return
        matrix = self._add("Cast", stored, to=FLOAT, out=f"{layer.name}.matrix")
        inputs = (node.inputs[0], matrix, *node.inputs[2:])
        self.graph.nodes.append(Node(node.operator, inputs, (out,), node.attributes))

    def _store(self, layer: Layer) -> None:
        if f"{layer.name}.int8" in self.graph.constants:
            return
        matrix = self.source.constants[layer.weight]
        rows = matrix if layer.axis == 0 else matrix.T
        values, scales = quantize_rows(layer.name, rows, largest=LARGEST[self.form.bits])
        empty = ~values.any(axis=1)
        scales[empty] = np.min(scales[~empty], initial=EMPTY_SCALE)
        values = values if layer.axis == 0 else values.T
        self._constant(f"{layer.name}.int8", np.ascontiguousarray(values))
        self._constant(f"{layer.name}.scale", scales)

    def _rows(self, node: Node, layer: Layer) -> None:
        """Rows of a table, (..., D): only those that are read become float32."""
        out, ids = node.outputs[0], node.inputs[1]
        column = self._constant(
            f"{layer.name}.scales", self.graph.constants[f"{layer.name}.scale"][:, None]
        )
        rows = self._add("Gather", f"{layer.name}.int8", ids, out=f"{out}_int8", axis=0)
        rows = self._add("Cast", rows, to=FLOAT, out=f"{out}_float")
        scales = self._add("Gather", column, ids, out=f"{out}_scales", axis=0)
        self._add("Mul", rows, scales, out=out)

    def _dynamic(self, node: Node, layer: Layer) -> None:
        x = node.inputs[0]
        parts = (f"{x}_uint8", f"{x}_scale", f"{x}_zero")
        self._add("DynamicQuantizeLinear", x, out=parts)
        self._product(node, layer, parts)

    def _product(self, node: Node, layer: Layer, parts: tuple[str, str, str]) -> None:
        """The product of integers, with `parts` values, scale and zero point of what is multiplied,
        then scaled."""
        (values, scale, zero), out = parts, node.outputs[0]
        matrix = f"{layer.name}.int8"
        if layer.axis == 0:  # a runtime turns a constant once, while it loads
            matrix = self._add("Transpose", matrix, out=f"{layer.name}.turned")
        product = self._add("MatMulInteger", values, matrix, zero, out=f"{out}_int32")
        product = self._add("Cast", product, to=FLOAT, out=f"{out}_float")
        steps = self._add("Mul", scale, f"{layer.name}.scale", out=f"{out}_steps")
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        scaled = self._add("Mul", product, steps, out=out if bias is None else f"{out}_scaled")
        if bias is not None:
            self._add("Add", scaled, bias, out=out)

    def _static(self, node: Node, layer: Layer, limits: tuple[float, float]) -> None:
        (x, *_), (out, *_) = node.inputs, node.outputs
        step, zero = _step(limits)
        scales = (self._constant(f"{x}_scale", step), self._constant(f"{x}_zero", zero))
        values = self._add("QuantizeLinear", x, *scales, out=f"{x}_uint8")
        bias = node.inputs[2] if len(node.inputs) > 2 else None
        if not self.form.finds_integers:
            rounded = None if bias is None else self._bias(bias, layer, out, step)
            if out in self.activated or (bias is not None and rounded is None):
                self._product(node, layer, (values, *scales))
                return
            bias = rounded
        rows = self._add("DequantizeLinear", values, *scales, out=f"{x}_rounded")
        self._float_product(node, layer, rows, bias)

    def _float_product(self, node: Node, layer: Layer, rows: str, bias: str | None = None) -> None:
        """The operator of the source with weights that are restored from int8."""
        names = [f"{layer.name}.{part}" for part in ("int8", "scale", "matrix")]
        matrix = self._restored(layer.name, *names, axis=layer.axis)
        inputs = (rows, matrix, *([] if bias is None else [bias]))
        self.graph.nodes.append(Node(node.operator, inputs, node.outputs, node.attributes))

    def _bias(self, bias: str, layer: Layer, out: str, step: np.ndarray) -> str | None:
        """A bias as int32 in the steps of the product, as runtimes take it; None if it does not
        fit."""
        array = self.source.constants.get(self.casts.get(bias, bias))
        if array is None:
            return None
        scales = step * self.graph.constants[f"{layer.name}.scale"]
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            steps = np.rint(array.astype(np.float64) / scales)
        if array.shape != scales.shape or not (np.abs(steps) < LARGEST_BIAS).all():
            return None
        values = self._constant(f"{out}_bias", steps.astype(np.int32))
        units = self._constant(f"{out}_bias_scale", scales.astype(np.float32))
        return self._restored(f"{out}_bias", values, units, f"{out}_bias_float", axis=0)

    def _restored(self, stem: str, values: str, scales: str, out: str, *, axis: int) -> str:
        """A constant as float32. The zero point is the default, which onnxruntime wants written."""
        array = self.graph.constants[values]
        zero = self._constant(f"{stem}.zero", np.zeros(array.shape[axis], array.dtype))
        return self._add("DequantizeLinear", values, scales, zero, out=out, axis=axis)


def _step(limits: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The scale and the zero point of uint8 for a range, which is widened to contain 0."""
    low, high = min(limits[0], 0.0), max(limits[1], 0.0)
    step = np.float32((high - low) / LEVELS) or np.float32(1)
    return np.array(step, np.float32), np.array(np.clip(np.rint(-low / step), 0, LEVELS), np.uint8)


def _drop_unused(graph: Graph) -> None:
    """Remove nodes and constants that no output depends on."""
    needed, kept = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if needed.intersection(node.outputs):
            kept.append(node)
            needed.update(node.inputs)
    graph.nodes = kept[::-1]
    graph.constants = {name: a for name, a in graph.constants.items() if name in needed}
