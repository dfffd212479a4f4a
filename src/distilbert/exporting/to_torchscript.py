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
    recording = framework_module("torch", "recording", "export to torchscript")
    file = folder / RUNTIMES["torchscript"].files[0]
    file.parent.mkdir()
    more = {} if source.pooling is None else {SENTENCE_OUTPUT: (source.pooling, source.normalize)}
    model = recording.recordable(source.arrays, source.config, source.head, more=more)
    recording.save_torchscript(model, file)
    return [file]
