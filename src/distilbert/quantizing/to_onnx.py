"""The target "onnx": our graph with integers in it, in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import distilbert
from distilbert.exporting.graph import Graph
from distilbert.quantizing.graph_job import GraphJob, GraphRuntime
from distilbert.quantizing.plan import Plan
from distilbert.quantizing.source import Wanted, open_source
from distilbert.quantizing.targets import TARGETS
from distilbert.runtimes.file_runner import FileRunner
from distilbert.runtimes.onnx import load_runner


def open_job(wanted: Wanted, plan: Plan, place: Path) -> GraphJob:
    """The job of a model; see `distilbert.quantizing.targets.OpenJob`."""
    source = open_source(wanted, place / "float32")
    runtime = GraphRuntime(
        file=TARGETS["onnx"].files[0], write=write_graph, open=open_file, finds_integers=False
    )
    return GraphJob(source, plan, place, runtime, num_threads=wanted.loading.num_threads)


def write_graph(graph: Graph, file: Path, head: str, *, external: bool = False) -> list[Path]:
    """Write a graph for `head`; the files, two if the constants are `external` or too large."""
    producer = ("distilbert", distilbert.__version__)
    return graph.write(file, external=external, producer=producer, facts={"head": head})


def open_file(file: Path, *given: Any, num_threads: int | None = None) -> FileRunner:
    """The runner of a file, which may be deleted afterwards."""
    return load_runner(file, *given, num_threads=num_threads)
