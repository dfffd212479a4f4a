"""Scores to other places as they arise: TensorBoard, MLflow, Weights & Biases, trackio.

Each is one small class with the same three methods; its package is imported when it starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from distilbert._lazy import require

PROJECT = "distilbert"


class Tracker(Protocol):
    """A place that scores are sent to."""

    def start(self, card: Mapping[str, Any]) -> None: ...
    def log(self, step: int, values: Mapping[str, float]) -> None: ...
    def finish(self) -> None: ...


class TensorBoard:
    """Event files in `<folder>/tensorboard`."""

    def __init__(self, folder: Path, *, resume_step: int | None = None) -> None:
        writer = require("tensorboardX", "write TensorBoard files").SummaryWriter
        # Readers hide what an interrupted run wrote at and after this step.
        purge = None if resume_step is None else resume_step + 1
        self.writer = writer(str(folder / "tensorboard"), purge_step=purge)

    def start(self, card: Mapping[str, Any]) -> None:
        """Show the card as text."""
        lines = (f"    {name} = {value}" for name, value in flat(card).items())
        self.writer.add_text("card", "\n".join(lines))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One point per value."""
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def finish(self) -> None:
        """Flush and close the files."""
        self.writer.close()


class MLflow:
    """A run of the experiment that MLflow's own settings name."""

    def __init__(self) -> None:
        self.package = require("mlflow", "send scores to MLflow")

    def start(self, card: Mapping[str, Any]) -> None:
        """Begin a run with the card as parameters."""
        self.package.start_run()
        self.package.log_params({name: str(value) for name, value in flat(card).items()})

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One point per value."""
        self.package.log_metrics(dict(values), step=step)

    def finish(self) -> None:
        """End the run."""
        self.package.end_run()


class Hosted:
    """Weights & Biases, or trackio, which has the same functions."""

    def __init__(self, name: str) -> None:
        self.package = require(name, f"send scores to {name}")

    def start(self, card: Mapping[str, Any]) -> None:
        """Begin a run with the card as config."""
        self.package.init(project=PROJECT, config=flat(card))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """All values of a step at once."""
        self.package.log(dict(values), step=step)

    def finish(self) -> None:
        """End the run."""
        self.package.finish()


def tracker(name: str) -> Tracker:
    """The tracker a card names: mlflow, wandb or trackio.

    Raises:
        MissingDependencyError: its package is not installed.
    """
    return MLflow() if name == "mlflow" else Hosted(name)


def flat(card: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of all sections by name, which are unique; those without a value left out."""
    found: dict[str, Any] = {}
    for name, value in card.items():
        if isinstance(value, Mapping):
            found |= flat(value)
        elif value is not None:
            found[name] = list(value) if isinstance(value, tuple) else value
    return found
