"""One model to quantize: its graph, its layers, and runners with any of them in int8."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from distilbert.errors import InputError
from distilbert.exporting.graph import Graph
from distilbert.quantizing.calibration import check_known, measure_ranges
from distilbert.quantizing.files import open_graph
from distilbert.quantizing.layers import Layer, find_layers
from distilbert.quantizing.plan import Plan
from distilbert.quantizing.reading import read_graph
from distilbert.quantizing.rewriting import quantized
from distilbert.quantizing.source import QuantizeSource
from distilbert.runtimes.file_runner import FileRunner


class Job:
    """A model to quantize.

    Attributes:
        graph: that of the float32 model.
        layers: those that can be in int8, by name.
        ranges: of the values that layers multiply, once `calibrate` has measured them.
        n_calibration: how many texts that took.
        pad_id: the padding token.
    """

    def __init__(
        self, source: QuantizeSource, plan: Plan, place: Path, *, num_threads: int | None
    ) -> None:
        """
        Args:
            place: a folder for temporary files.
            num_threads: that compute one batch together.

        Raises:
            InputError: the model has no layers that can be quantized, or is quantized already.
        """
        self.source, self.plan, self.place = source, plan, place
        self.model, self.num_threads = source.model, num_threads
        self.graph: Graph = read_graph(source.exported.file)
        self.layers: dict[str, Layer] = find_layers(self.graph)
        self.ranges: dict[str, tuple[float, float]] | None = None
        self.n_calibration = 0
        self.pad_id: int = self.model.tokenizer.pad_token_id or 0
        if not self.layers:
            raise InputError(
                f"A model to quantize must have linear layers or tables with weights of float32: "
                f"{source.exported.file} has none."
            )

    def calibrate(self, sequences: list[np.ndarray]) -> None:
        """Measure the ranges of what every layer multiplies.

        Raises:
            DataError: the sequences have no tokens but unknown and special ones.
        """
        check_known(sequences, self.model.tokenizer)
        names = dict.fromkeys(name for layer in self.layers.values() for name in layer.inputs)
        self.ranges, self.n_calibration = measure_ranges(
            self.graph,
            list(names),
            sequences,
            config=self.model.config,
            head=self.model.head,
            kind=self.plan.ranges,
            folder=self.place,
        )

    def graph_of(self, names: Sequence[str]) -> Graph:
        """The graph with these layers in int8."""
        chosen = [self.layers[name] for name in names]
        return quantized(self.graph, chosen, ranges=self.ranges, bits=self.plan.bits)

    def runner_of(self, names: Sequence[str]) -> FileRunner:
        """The runner of that graph."""
        file, model = self.place / "candidate.onnx", self.model
        threads = self.num_threads
        return open_graph(self.graph_of(names), file, model.config, model.head, num_threads=threads)
