"""The target "onnx": the graph of a model in one file, or with its weights in a second."""

from __future__ import annotations

from pathlib import Path

import distilbert
from distilbert.exporting.model_graph import GraphOptions, build_graph
from distilbert.exporting.operators import DEFAULT_OPSET
from distilbert.exporting.source import ExportSource
from distilbert.exporting.targets import Choices


def write(source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
    """Write `onnx/model.onnx`; the files written.

    Raises:
        MissingDependencyError: the package onnx is not installed.
    """
    return write_graph(source, choices, choices.new_file(folder, "onnx"))


def write_graph(source: ExportSource, choices: Choices, file: Path) -> list[Path]:
    """Write the graph of a model to `file`; other targets convert it from there."""
    options = GraphOptions(
        opset=choices.opset or DEFAULT_OPSET,
        storage=choices.dtype,
        pooling=source.pooling,
        normalize=source.normalize,
        sizes=choices.sizes(),
    )
    graph = build_graph(source.arrays, source.config, source.head, options)
    return graph.write(
        file,
        external=choices.external_data,
        producer=("distilbert", distilbert.__version__),
        facts={"head": source.head},
    )
