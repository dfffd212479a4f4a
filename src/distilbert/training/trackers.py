"""Services that record runs: one interface, an adapter for each.

Their packages are optional and imported when a run card names them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from distilbert._lazy import require
from distilbert.errors import InputError

# The project of a run, for services that need one and have no setting for it.
PROJECT = "distilbert"


class Tracker(Protocol):
    """Receives the numbers of a run."""

    def start(self, card: Mapping[str, Any], run: str | None) -> str:
        """Start a run, or continue the one with that id; returns its id."""
        ...

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers by name after `step` updates."""
        ...

    def finish(self, *, failed: bool) -> None:
        """End the run."""
        ...


def new_tracker(name: str) -> Tracker:
    """The tracker with that name, not started.

    Raises:
        InputError: unknown name.
        MissingDependencyError: its package is not installed.
    """
    module = package_of(name)
    return TRACKERS[name](module)


def package_of(name: str) -> Any:
    """The module of a tracker; raises as `new_tracker` does."""
    if name not in TRACKERS:
        raise InputError(f"`trackers` must be among {', '.join(TRACKERS)}: got {name!r}.")
    return require(name, f"send scores to {name}")


class TensorBoard:
    """Event files of TensorBoard, written by tensorboardX."""

    def __init__(self, folder: Path, resume_step: int | None) -> None:
        module = require("tensorboardX", "write files for TensorBoard")
        # Viewers then hide what an interrupted run wrote after its checkpoint.
        purge = None if resume_step is None else resume_step + 1
        self.writer: Any = module.SummaryWriter(str(folder), purge_step=purge)

    def start(self, card: Mapping[str, Any], run: str | None) -> str:
        """Nothing to start: the folder is the run."""
        return run or ""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)
        self.writer.flush()

    def finish(self, *, failed: bool) -> None:
        self.writer.close()


class MLflow:
    """A run of MLflow; its environment variables name server and experiment."""

    def __init__(self, module: Any) -> None:
        self.mlflow = module

    def start(self, card: Mapping[str, Any], run: str | None) -> str:
        active = self.mlflow.start_run(run_id=run)
        if run is None:  # parameters of a run can be set only once
            self.mlflow.log_params(flat(card))
        return active.info.run_id

    def log(self, step: int, values: Mapping[str, float]) -> None:
        # A slash in a name is allowed there and groups the plots.
        self.mlflow.log_metrics(dict(values), step=step)

    def finish(self, *, failed: bool) -> None:
        self.mlflow.end_run(status="FAILED" if failed else "FINISHED")


class WeightsAndBiases:
    """A run of Weights & Biases."""

    def __init__(self, module: Any) -> None:
        self.wandb = module

    def start(self, card: Mapping[str, Any], run: str | None) -> str:
        run = run or secrets.token_hex(8)
        self.run = self.wandb.init(project=PROJECT, id=run, resume="allow", config=dict(card))
        # Its step may only grow, but a resumed run goes back to its checkpoint.
        self.run.define_metric("*", step_metric="step")
        return run

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.run.log({**values, "step": step})

    def finish(self, *, failed: bool) -> None:
        self.run.finish(exit_code=int(failed))


class Trackio:
    """A run of Trackio."""

    def __init__(self, module: Any) -> None:
        self.trackio = module

    def start(self, card: Mapping[str, Any], run: str | None) -> str:
        run = run or f"run-{secrets.token_hex(4)}"
        self.trackio.init(project=PROJECT, name=run, resume="allow", config=dict(card))
        return run

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.trackio.log(dict(values), step=step)

    def finish(self, *, failed: bool) -> None:
        self.trackio.finish()


TRACKERS: dict[str, Any] = {"mlflow": MLflow, "wandb": WeightsAndBiases, "trackio": Trackio}


def flat(card: Mapping[str, Any]) -> dict[str, Any]:
    """Nested values by dotted names: `{"data": {"train": "a"}}` gives `{"data.train": "a"}`."""
    found: dict[str, Any] = {}
    for name, value in card.items():
        if isinstance(value, Mapping):
            found.update({f"{name}.{inner}": one for inner, one in flat(value).items()})
        else:
            found[name] = value
    return found
