"""The target "openvino": our graph, read by OpenVINO, which finds the integers itself.

Weights in int8 become the operands of int8 kernels where what they multiply is rounded as well
(static); where it is not, OpenVINO rounds groups of a token's values while it computes (dynamic).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from distilbert.exporting.graph import Graph
from distilbert.exporting.to_openvino import convert
from distilbert.quantizing.graph_job import GraphJob, GraphRuntime
from distilbert.quantizing.plan import Plan
from distilbert.quantizing.source import Wanted, open_source
from distilbert.quantizing.targets import TARGETS
from distilbert.quantizing.to_onnx import write_graph
from distilbert.runtimes.file_runner import FileRunner
from distilbert.runtimes.openvino import load_runner


def open_job(wanted: Wanted, plan: Plan, place: Path) -> GraphJob:
    """The job of a model; see `distilbert.quantizing.targets.OpenJob`."""
    source = open_source(wanted, place / "float32")
    runtime = GraphRuntime(
        file=TARGETS["openvino"].files[0], write=write_model, open=open_file, finds_integers=True
    )
    return GraphJob(source, plan, place, runtime, num_threads=wanted.loading.num_threads)


def write_model(graph: Graph, file: Path, head: str) -> list[Path]:
    """Write a graph for `head` as the XML and the constants of an OpenVINO model."""
    with tempfile.TemporaryDirectory(dir=file.parent) as scratch:
        written = Path(scratch) / "model.onnx"
        write_graph(graph, written, head)
        return convert(written, file)


def open_file(file: Path, *given: Any, num_threads: int | None = None) -> FileRunner:
    """The runner of a model whose files may be deleted afterwards."""
    return load_runner(file, *given, num_threads=num_threads, mapped=False)
