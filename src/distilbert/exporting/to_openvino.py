"""The target "openvino": our ONNX graph, read and written again by OpenVINO."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from distilbert._lazy import require
from distilbert.exporting.source import ExportSource
from distilbert.exporting.targets import Choices
from distilbert.exporting.to_onnx import write_graph


def write(source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
    """Write `openvino/openvino_model.xml` and `.bin`; the files written.

    Raises:
        MissingDependencyError: onnx or openvino is not installed.
    """
    file = choices.new_file(folder, "openvino")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        # OpenVINO rounds to float16 itself, and marks such weights for runtimes.
        graph = Path(scratch) / "model.onnx"
        write_graph(source, replace(choices, dtype="float32"), graph)
        return convert(graph, file, compress=choices.dtype == "float16")


def convert(graph: Path, file: Path, *, compress: bool = False) -> list[Path]:
    """Convert an ONNX file, which may be deleted afterwards; the files written.

    Args:
        file: the XML file.
        compress: round weights of float32 to float16.

    Raises:
        MissingDependencyError: openvino is not installed.
    """
    openvino: Any = require("openvino", "write OpenVINO models")
    core = openvino.Core()
    core.set_property({"ENABLE_MMAP": False})  # a mapped file could not be deleted on Windows
    model = core.read_model(str(graph))
    _drop_identities(model)
    _name_operators(model)
    openvino.save_model(model, str(file), compress_to_fp16=compress)
    return [file, file.with_suffix(".bin")]


def _drop_identities(model: Any) -> None:
    """Name the outputs where they are computed: OpenVINO before 2025 has no operator Identity."""
    for operator in model.get_ops():
        if operator.get_type_name() == "Identity":
            named, value = operator.output(0), operator.input_value(0)
            value.set_names(named.get_names())
            for reader in named.get_target_inputs():
                reader.replace_source_output(value)
    model.validate_nodes_and_infer_types()


def _name_operators(model: Any) -> None:
    """Number the operators that are not in our graph; OpenVINO counts those of the whole process.

    Equal checkpoints then give equal bytes.
    """
    model.set_friendly_name("distilbert")
    for i, operator in enumerate(model.get_ordered_ops()):
        if not any(output.get_names() for output in operator.outputs()):
            operator.set_friendly_name(f"{operator.get_type_name()}.{i}")
