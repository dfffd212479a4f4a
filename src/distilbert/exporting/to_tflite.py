"""The target "tflite": our TensorFlow model, converted to TensorFlow Lite's own operators."""

from __future__ import annotations

from pathlib import Path

from distilbert._lazy import RUNTIMES
from distilbert.exporting.source import ExportSource
from distilbert.exporting.targets import Choices
from distilbert.exporting.to_savedmodel import served_model
from distilbert.opening import framework_module


def write(source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
    """Write `tflite/model.tflite`; the files written.

    Raises:
        MissingDependencyError: TensorFlow or Keras is not installed.
    """
    file = folder / RUNTIMES["tflite"].files[0]
    file.parent.mkdir()
    serving = framework_module("tensorflow", "serving", "export to tflite")
    serving.save_tf_lite(served_model(serving, source), file, dtype=choices.dtype)
    return [file]
