"""The target "pt2": our PyTorch model as a program of `torch.export`."""

from __future__ import annotations

from pathlib import Path

from distilbert.exporting.source import ExportSource
from distilbert.exporting.targets import Choices
from distilbert.exporting.to_torchscript import recorded


def write(source: ExportSource, choices: Choices, folder: Path) -> list[Path]:
    """Write `pt2/model.pt2`; the files written.

    Raises:
        ExportError: PyTorch is too old.
        MissingDependencyError: PyTorch is not installed.
    """
    recording, model = recorded(source, "pt2")
    file = choices.new_file(folder, "pt2")
    recording.save_exported_program(model, file, choices.sizes())
    return [file]
