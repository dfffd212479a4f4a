"""The target "torchscript": our PyTorch model, recorded in the language of `torch.jit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbert.exporting.model_graph import SENTENCE_OUTPUT
from distilbert.exporting.source import ExportSource
from distilbert.exporting.targets import Choices
from distilbert.opening import framework_module


def write(source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
    """Write `torchscript/model.pt`; the files written.

    Raises:
        MissingDependencyError: PyTorch is not installed.
    """
    recording, model = recorded(source, "torchscript")
    file = choices.new_file(folder, "torchscript")
    recording.save_torchscript(model, file, choices.sizes())
    return [file]


def recorded(source: ExportSource, to: str) -> tuple[Any, Any]:
    """The module `distilbert.torch.recording`, and a model for it to write."""
    recording = framework_module("torch", "recording", f"export to {to}")
    more = {} if source.pooling is None else {SENTENCE_OUTPUT: (source.pooling, source.normalize)}
    return recording, recording.recordable(source.arrays, source.config, source.head, more=more)
