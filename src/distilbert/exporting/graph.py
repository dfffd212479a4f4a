"""`Graph`: collects the nodes and constants of an ONNX graph and writes them to a file.

Knows no model. Names follow from the order of the calls, so equal calls write equal bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require

# A protobuf message cannot be larger; larger constants go to a file of their own.
MAX_MESSAGE_BYTES = 2_000_000_000
# Smaller constants, such as shapes, stay in the model file: runtimes read them while they load.
MIN_EXTERNAL_BYTES = 1024
# Offsets in the data file are multiples of a page, so that runtimes can map the file into memory.
PAGE = 4096

# None: the number of axes is not known.
Axes = Sequence[int | str] | None


@dataclass(frozen=True, slots=True)
class Node:
    """One operator: its inputs and outputs are names of values."""

    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


class Graph:
    """Nodes in the order of their calls, and the constants they read.

    Attributes:
        opset: the version of the standard operators.
        nodes, constants: by now; constants by name.
        inputs, outputs: name -> element type and axes, a text for an axis of any size.
    """

    def __init__(self, opset: int) -> None:
        self.opset = opset
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.inputs: dict[str, tuple[Any, Axes]] = {}
        self.outputs: dict[str, tuple[Any, Axes]] = {}
        self._names: dict[tuple[Any, ...], str] = {}

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output; the name of that output."""
        return self.add_many(operator, *inputs, n_outputs=1, **attributes)[0]

    def add_many(
        self, operator: str, *inputs: str, n_outputs: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Add a node with several outputs; their names."""
        stem = f"{operator}_{len(self.nodes)}"
        outputs = (stem,) if n_outputs == 1 else tuple(f"{stem}_{i}" for i in range(n_outputs))
        self.nodes.append(Node(operator, inputs, outputs, attributes))
        return outputs

    def constant(self, value: Any, dtype: Any) -> str:
        """The name of a small constant; equal ones share a name."""
        array = np.asarray(value, dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._names:
            self._names[key] = f"constant_{len(self._names)}"
            self.constants[self._names[key]] = array
        return self._names[key]

    def axes(self, *sizes: int) -> str:
        """The name of a list of integers, such as a shape or the numbers of axes."""
        return self.constant(sizes, np.int64)

    def reshape(self, value: str, *shape: int) -> str:
        """`value` in another shape: 0 keeps the size of an axis, -1 stands for what is left."""
        return self.add("Reshape", value, self.axes(*shape))

    def output(self, name: str, value: str, dtype: Any, axes: Axes) -> None:
        """Make a value an output of the graph under `name`."""
        self.nodes.append(Node("Identity", (value,), (name,), {}))
        self.outputs[name] = (dtype, axes)

    def write(
        self, path: Path, *, external: bool, producer: tuple[str, str], facts: Mapping[str, str]
    ) -> list[Path]:
        """Write the model; if `external` or too large, with the constants in a second file.

        That file is `<name>_data` in the same folder.

        Args:
            producer: the name and version of the program.
            facts: metadata of the model.

        Returns:
            The files written.

        Raises:
            MissingDependencyError: the package onnx is not installed.
        """
        helper = require("onnx.helper", "write ONNX files")
        size = sum(array.nbytes for array in self.constants.values())
        data = path.with_name(f"{path.name}_data")
        external = external or size > MAX_MESSAGE_BYTES
        tensors = self._external(data) if external else self._inside()
        opset = helper.make_opsetid("", self.opset)
        graph = helper.make_graph(
            [
                helper.make_node(n.operator, n.inputs, n.outputs, n.outputs[0], **n.attributes)
                for n in self.nodes
            ],
            producer[0],
            _value_infos(helper, self.inputs),
            _value_infos(helper, self.outputs),
            tensors,
        )
        model = helper.make_model(
            graph,
            opset_imports=[opset],
            ir_version=helper.find_min_ir_version_for([opset]),
            producer_name=producer[0],
            producer_version=producer[1],
        )
        helper.set_model_props(model, facts)
        path.write_bytes(model.SerializeToString(deterministic=True))
        return [path, data] if external else [path]

    def _inside(self) -> list[Any]:
        numpy_helper: Any = require("onnx.numpy_helper", "write ONNX files")
        return [numpy_helper.from_array(array, name) for name, array in self.constants.items()]

    def _external(self, data: Path) -> list[Any]:
        """The constants as messages, large ones with their bytes in `data`, one after the other."""
        onnx: Any = require("onnx", "write ONNX files")
        numpy_helper: Any = require("onnx.numpy_helper", "write ONNX files")
        tensors = []
        with data.open("wb") as file:
            for name, array in self.constants.items():
                if array.nbytes < MIN_EXTERNAL_BYTES:
                    tensors.append(numpy_helper.from_array(array, name))
                    continue
                file.write(bytes(-file.tell() % PAGE))
                place = {"location": data.name, "offset": file.tell(), "length": array.nbytes}
                array.tofile(file)
                tensor = onnx.TensorProto(
                    name=name,
                    dims=array.shape,
                    data_type=onnx.helper.np_dtype_to_tensor_dtype(array.dtype),
                    data_location=onnx.TensorProto.EXTERNAL,
                )
                for key, value in place.items():
                    tensor.external_data.add(key=key, value=str(value))
                tensors.append(tensor)
        return tensors


def _value_infos(helper: Any, values: Mapping[str, tuple[Any, Axes]]) -> list[Any]:
    return [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), axes)
        for name, (kind, axes) in values.items()
    ]
