"""Tiny checkpoints to export, and files of graphs in every runtime, outside of any folder."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from stand_ins import VOCAB, small_config

from distilbert._lazy import RUNTIMES, require
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig
from distilbert.exporting.model_graph import GraphOptions, build_graph
from distilbert.exporting.targets import TARGETS, Choices
from distilbert.runtimes.file_runner import FileRunner

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


def as_openvino(path: Path) -> Path:
    """An ONNX file as an OpenVINO model, as OpenVINO itself converts it."""
    openvino = require("openvino", "write a model for a test")
    target = path.with_suffix(".xml")
    model = openvino.Core().read_model(path.read_bytes(), b"")
    openvino.save_model(model, str(target), compress_to_fp16=False)
    return target


# Runtime -> its file with the model of an ONNX file, where it takes such.
CONVERTED = {"onnx": lambda path: path, "openvino": as_openvino}


# Runtimes whose number of threads is that of the first batch of a process.
FIXED_THREADS = ("savedmodel",)


def open_file(runtime: str, path: Path, config: DistilBertConfig, head: str) -> FileRunner:
    """The runner of a file, with one thread where a process may change its number."""
    module = importlib.import_module(RUNTIMES[runtime].module)
    n_threads = None if runtime in FIXED_THREADS else 1
    return module.load_runner(path, config, head, num_threads=n_threads)


def graph_runner(
    folder: Path,
    config: DistilBertConfig,
    head: str,
    weights: Any,
    *,
    runtime: str = "onnx",
    **options: Any,
) -> FileRunner:
    """The runner of a model with these weights; of our ONNX graph for runtimes in `CONVERTED`."""
    if runtime not in CONVERTED:
        facts = {"pooling": None, "normalize": False, **options}
        source: Any = SimpleNamespace(arrays=weights, config=config, head=head, **facts)
        path, *_ = TARGETS[runtime].write(source, Choices(dtype="float32"), folder)
        return open_file(runtime, path, config, head)
    path = CONVERTED[runtime](write_graph(folder, config, head, weights, **options))
    return open_file(runtime, path, config, head)
