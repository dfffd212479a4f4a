"""Reads an ONNX file into a `Graph`, whose nodes and constants can then be changed."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from distilbert._lazy import require
from distilbert.errors import InputError
from distilbert.exporting.graph import Axes, Graph, Node
from distilbert.input_checks import WANTED_INPUT

STANDARD = ("", "ai.onnx")
# The first in which scales may be one per channel.
OLDEST_OPSET = 13
# Operators that only a quantized graph has.
OF_QUANTIZED = {"DynamicQuantizeLinear", "QuantizeLinear", "DequantizeLinear", "MatMulInteger"}


def read_graph(file: Path) -> Graph:
    """The graph in an ONNX file, with external data that are in its folder.

    The file must have been opened by the runner before, which refuses data outside of the folder.

    Raises:
        InputError: it is quantized already, or has operators that are not standard or too old, or
            graphs inside of operators.
        MissingDependencyError: the package onnx is not installed.
    """
    onnx: Any = require("onnx", "quantize ONNX files")
    model = onnx.load(str(file))
    _check(model, file)
    opset = next(one.version for one in model.opset_import if one.domain in STANDARD)
    graph = Graph(opset)
    for tensor in model.graph.initializer:
        graph.constants[tensor.name] = onnx.numpy_helper.to_array(tensor)
    for node in model.graph.node:
        values = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "Constant" and "value" in values:
            graph.constants[node.output[0]] = onnx.numpy_helper.to_array(values["value"])
        else:
            graph.nodes.append(Node(node.op_type, tuple(node.input), tuple(node.output), values))
    constant = graph.constants.keys()
    # Old files list constants too; only ours have one with which an input may be left out.
    unset = constant - {WANTED_INPUT}
    graph.inputs = _values(onnx, (one for one in model.graph.input if one.name not in unset))
    graph.outputs = _values(onnx, model.graph.output)
    return graph


def _check(model: Any, file: Path) -> None:
    kinds = {node.op_type for node in model.graph.node}
    if kinds & OF_QUANTIZED:
        raise InputError(
            f"`model` must not be quantized: {file} has {', '.join(sorted(kinds & OF_QUANTIZED))}. "
            f"Use the model that it was made from."
        )
    opset = max((one.version for one in model.opset_import if one.domain in STANDARD), default=0)
    if opset < OLDEST_OPSET:
        raise InputError(
            f"A model to quantize must use ONNX operators of opset {OLDEST_OPSET} or later: {file} "
            f"uses those of {opset}. Export the checkpoint with `distilbert export`."
        )
    domains = {node.domain for node in model.graph.node if node.domain not in STANDARD}
    if domains:
        raise InputError(
            f"A model to quantize must have standard operators only: {file} has those of "
            f"{', '.join(sorted(domains))}. Export the checkpoint with `distilbert export`."
        )
    nested = [
        node.op_type
        for node in model.graph.node
        if any(one.HasField("g") or one.graphs for one in node.attribute)
    ]
    if nested:
        raise InputError(
            f"A model to quantize must be one graph: {file} has further ones inside of "
            f"{', '.join(sorted(set(nested)))}. Export the checkpoint with `distilbert export`."
        )


def _values(onnx: Any, infos: Iterable[Any]) -> dict[str, tuple[Any, Axes]]:
    return {
        one.name: (
            onnx.helper.tensor_dtype_to_np_dtype(one.type.tensor_type.elem_type),
            [axis.dim_param or axis.dim_value for axis in one.type.tensor_type.shape.dim],
        )
        for one in infos
    }
