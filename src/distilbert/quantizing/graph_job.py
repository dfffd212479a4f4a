"""A job of a runtime that reads our graph: layers are rewritten in it; see `targets.Job`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from distilbert.errors import InputError
from distilbert.exporting.graph import Graph
from distilbert.opening import OpenModel
from distilbert.quantizing.calibration import (
    MOST_TEXTS,
    check_known,
    largest_of_channels,
    measure_ranges,
)
from distilbert.quantizing.layers import Layer, find_layers
from distilbert.quantizing.plan import Plan
from distilbert.quantizing.reading import read_graph
from distilbert.quantizing.rewriting import Form, quantized
from distilbert.quantizing.smoothing import smoothed
from distilbert.quantizing.source import QuantizeSource, reopen
from distilbert.runner import Runner
from distilbert.runtimes.file_runner import FileRunner


class OpenFile(Protocol):
    """Opens a file with its config and head; the file may be deleted afterwards."""

    def __call__(self, file: Path, *given: Any, num_threads: int | None) -> FileRunner: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphRuntime:
    """What is different between runtimes that read our graph.

    Attributes:
        file: where a folder has the quantized model.
        write: writes a graph for a head to a file, and returns the files.
        finds_integers: see `distilbert.quantizing.rewriting.Form`.
    """

    file: str
    write: Callable[[Graph, Path, str], list[Path]]
    open: OpenFile
    finds_integers: bool


class GraphJob:
    """A model to quantize.

    Attributes:
        graph: that of the float32 model.
        layers: those that can be quantized, by name.
        ranges: of the values that layers multiply, once `calibrate` has measured them.
    """

    def __init__(
        self,
        source: QuantizeSource,
        plan: Plan,
        place: Path,
        runtime: GraphRuntime,
        *,
        num_threads: int | None,
    ) -> None:
        """
        Args:
            place: a folder for temporary files.
            num_threads: that compute one batch together.

        Raises:
            InputError: the model has no layers that can be quantized, or is quantized already.
        """
        self.source, self.plan, self.place, self.runtime = source, plan, place, runtime
        self.num_threads = num_threads
        self.graph: Graph = read_graph(source.file)
        self.layers: dict[str, Layer] = find_layers(self.graph)
        self.ranges: dict[str, tuple[float, float]] | None = None
        self.n_calibration = 0
        self.pad_id: int = source.model.tokenizer.pad_token_id or 0
        self.check_layers()
        source.model.runner.close()
        files = self._write(self.graph)
        self.n_bytes = sum(file.stat().st_size for file in files)
        self.model: OpenModel = replace(source.model, runner=self._open(files))

    def check_layers(self) -> None:
        """Raise InputError unless the layers would become smaller."""
        if not self.layers:
            raise InputError(
                f"A model to quantize must have linear layers or tables with weights of float32: "
                f"{self.source.file} has none."
            )
        stored = [self.graph.constants[layer.weight].dtype for layer in self.layers.values()]
        if self.plan.dtype != "int8" and all(dtype == np.float16 for dtype in stored):
            raise InputError(
                f"`dtype` must make the model smaller: {self.source.file} is in float16 already, "
                f"got {self.plan.dtype!r}. Use 'int8', or the model as it is."
            )

    def calibrate(self, sequences: list[np.ndarray]) -> None:
        """Move large channels into weights, and measure the ranges of what layers multiply."""
        check_known(sequences, self.model.tokenizer)
        names = [*dict.fromkeys(name for one in self.layers.values() for name in one.inputs)]
        largest = largest_of_channels(self.graph, names, sequences, open_graph=self.open)
        if self.plan.smooth:
            self.graph = smoothed(self.graph, self.layers.values(), largest)
            self.layers = find_layers(self.graph)
            names = [*dict.fromkeys(name for one in self.layers.values() for name in one.inputs)]
        options: dict[str, Any] = {"open_graph": self.open, "kind": self.plan.ranges}
        self.ranges = measure_ranges(self.graph, names, sequences, **options)
        self.n_calibration = min(len(sequences), MOST_TEXTS)

    def graph_of(self, names: Sequence[str]) -> Graph:
        """The graph with these layers quantized."""
        form = Form(
            dtype=self.plan.dtype,
            bits=self.plan.bits,
            ranges=self.ranges,
            finds_integers=self.runtime.finds_integers,
        )
        return quantized(self.graph, [self.layers[name] for name in names], form)

    def open(self, graph: Graph) -> FileRunner:
        """The runner of any graph with the inputs and outputs of the model."""
        return self._open(self._write(graph))

    def _write(self, graph: Graph) -> list[Path]:
        file = self.place / f"graph{Path(self.runtime.file).suffix}"
        return self.runtime.write(graph, file, self.source.model.head)

    def _open(self, files: list[Path]) -> FileRunner:
        """The runner of files, which are deleted."""
        known = self.source.model.runner
        options = {"num_threads": self.num_threads}
        runner = self.runtime.open(files[0], known.config, known.head, **options)
        for file in files:
            file.unlink()
        return runner

    def runner_of(self, names: Sequence[str]) -> FileRunner:
        """The runner of the graph with these layers quantized."""
        return self.open(self.graph_of(names))

    def write(self, names: Sequence[str], folder: Path) -> list[Path]:
        """Write that graph below `folder`; the files."""
        file = folder / self.runtime.file
        file.parent.mkdir()
        return self.runtime.write(self.graph_of(names), file, self.model.head)

    def reopen(self, folder: Path) -> Runner:
        """The runner of what `write` has written."""
        return reopen(folder, self.plan.runtime, self.model.head, self.num_threads).runner

    def facts(self) -> dict[str, Any]:
        """Opset, for an ONNX file, and outputs."""
        opset = {"opset": self.graph.opset} if self.plan.runtime == "onnx" else {}
        return {**opset, "outputs": [*self.graph.outputs]}
