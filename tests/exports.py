"""Tiny checkpoints to export, and the runner of a graph that was never written to a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from stand_ins import VOCAB, small_config

from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig
from distilbert.exporting.model_graph import GraphOptions, build_graph
from distilbert.runtimes.file_runner import FileRunner
from distilbert.runtimes.onnx import load_runner

PRODUCER = ("distilbert", "0")


def tiny_weights(config: DistilBertConfig, head: str) -> dict[str, np.ndarray]:
    """Seeded weights; biases too, which initial weights leave at zero."""
    drawn = np.random.default_rng(7)
    weights = initial_weights(config, head, 3)
    return {
        name: array if array.ndim > 1 else drawn.normal(array, 0.1).astype(np.float32)
        for name, array in weights.items()
    }


def tiny_source(folder: Path, head: str, *, cased: bool = False, **changes: Any) -> Path:
    """A checkpoint of 2 layers with a tokenizer of the small vocabulary."""
    config = small_config(**{"initializer_range": 0.3, **changes})
    settings = f'{{"do_lower_case": {str(not cased).lower()}, "model_max_length": 64}}'
    files = {
        "vocab.txt": ("\n".join(dict.fromkeys(VOCAB)) + "\n").encode(),
        "tokenizer_config.json": settings.encode(),
    }
    weights = tiny_weights(config, head)
    save_checkpoint(folder, weights, config, head=head, extra_files=files)
    return folder


def write_graph(
    folder: Path, config: DistilBertConfig, head: str, weights: Any, **options: Any
) -> Path:
    """The file of a graph with these weights."""
    graph = build_graph(weights, config, head, GraphOptions(**{"opset": 20, **options}))
    path = folder / f"{head}.onnx"
    graph.write(path, external=False, producer=PRODUCER, facts={})
    return path


def graph_runner(
    folder: Path, config: DistilBertConfig, head: str, weights: Any, **options: Any
) -> FileRunner:
    """The runner of a graph with these weights."""
    path = write_graph(folder, config, head, weights, **options)
    return load_runner(path, config, head, num_threads=1)
