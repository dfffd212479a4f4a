"""Graphs as files: written, and opened by the runner as any exported model is."""

from __future__ import annotations

from pathlib import Path

import distilbert
from distilbert.config import DistilBertConfig
from distilbert.exporting.graph import Graph
from distilbert.runtimes.file_runner import FileRunner
from distilbert.runtimes.onnx import load_runner


def write_graph(graph: Graph, file: Path, head: str, *, external: bool = False) -> list[Path]:
    """Write a graph for `head`; the files, two if the constants are `external` or too large."""
    producer = ("distilbert", distilbert.__version__)
    return graph.write(file, external=external, producer=producer, facts={"head": head})


def open_graph(
    graph: Graph,
    file: Path,
    config: DistilBertConfig,
    head: str,
    *,
    num_threads: int | None = None,
) -> FileRunner:
    """Write a graph to a temporary `file` and open it; the file may be replaced afterwards."""
    files = write_graph(graph, file, head)
    runner = load_runner(file, config, head, num_threads=num_threads)
    for one in files:
        one.unlink()
    return runner
