"""The target "savedmodel": our TensorFlow model as a function in a SavedModel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbert._lazy import RUNTIMES
from distilbert.exporting.model_graph import SENTENCE_OUTPUT
from distilbert.exporting.source import ExportSource
from distilbert.exporting.targets import Choices
from distilbert.opening import framework_module


def write(source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
    """Write `savedmodel/saved_model.pb` and its variables; the files written.

    Raises:
        MissingDependencyError: TensorFlow or Keras is not installed.
    """
    file = folder / RUNTIMES["savedmodel"].files[0]
    serving = framework_module("tensorflow", "serving", "export to savedmodel")
    serving.save_served(served_model(serving, source), file.parent)
    others = (path for path in file.parent.rglob("*") if path.is_file() and path != file)
    return [file, *sorted(others)]


def served_model(serving: Any, source: ExportSource) -> Any:
    """The function of a model; `serving` is the module `distilbert.tensorflow.serving`."""
    more = {} if source.pooling is None else {SENTENCE_OUTPUT: (source.pooling, source.normalize)}
    return serving.served(source.arrays, source.config, source.head, more=more)
