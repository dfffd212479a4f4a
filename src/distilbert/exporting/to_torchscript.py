"""The target "torchscript": our PyTorch model, recorded in the language of `torch.jit`."""

from __future__ import annotations

from pathlib import Path

from distilbert._lazy import RUNTIMES
from distilbert.exporting.model_graph import SENTENCE_OUTPUT
from distilbert.exporting.source import ExportSource
from distilbert.exporting.targets import Choices
from distilbert.opening import framework_module


def write(source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
    """Write `torchscript/model.pt`; the files written.

    Raises:
        MissingDependencyError: PyTorch is not installed.
    """
    return write_recorded(source, folder, "torchscript", "save_torchscript")


def write_recorded(source: ExportSource, folder: Path, to: str, save: str) -> list[Path]:
    """Write a recorded model with the function `save` of `distilbert.torch.recording`."""
    recording = framework_module("torch", "recording", f"export to {to}")
    file = folder / RUNTIMES[to].files[0]
    file.parent.mkdir()
    more = {} if source.pooling is None else {SENTENCE_OUTPUT: (source.pooling, source.normalize)}
    model = recording.recordable(source.arrays, source.config, source.head, more=more)
    getattr(recording, save)(model, file)
    return [file]
