"""The log of a run: lines of JSON on the disk, trackers, and a progress bar.

`log.jsonl` holds one object per line: `kind` (train, scores, tracker), `step`, `time` (in
seconds since 1970) and what the kind needs. Lines are flushed one by one, so a killed run loses at
most the last; a resumed run first drops the lines after its checkpoint.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from distilbert._lazy import is_available
from distilbert.checkpoint.atomic import atomic_file
from distilbert.errors import TrainingError
from distilbert.training.trackers import TensorBoard, Tracker, new_tracker

LOG_FILE = "log.jsonl"
EVENTS_FOLDER = "tensorboard"


@dataclass
class RunLog:
    """Writes to the file, the trackers and the progress bar, as far as there are any.

    `bar` takes the number of finished updates as `completed`, and a `description`.
    """

    path: Path | None = None
    file: TextIO | None = None
    trackers: list[Tracker] = field(default_factory=list)
    bar: Callable[..., None] | None = None

    def train(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Means of the updates since the last such line."""
        self._write("train", step=step, epoch=epoch, values=_plain(values))
        self._track("train", step, epoch, values)
        if self.bar is not None and "loss" in values:
            self.bar(description=f"loss {values['loss']:.4f}")

    def scores(self, step: int, epoch: float, split: str, scores: Mapping[str, float]) -> None:
        """Scores on a split."""
        self._write("scores", step=step, epoch=epoch, split=split, values=_plain(scores))
        self._track(split, step, epoch, scores)

    def advance(self, step: int) -> None:
        """Set the number of finished updates."""
        if self.bar is not None:
            self.bar(completed=step)

    def history(self) -> list[dict[str, Any]]:
        """All lines, including those from before the run was resumed."""
        return [] if self.path is None else read_log(self.path)

    def _write(self, kind: str, *, step: int, **values: Any) -> None:
        if self.file is not None:
            line = {"kind": kind, "step": step, **values, "time": round(time.time(), 3)}
            self.file.write(json.dumps(line, ensure_ascii=False) + "\n")
            self.file.flush()

    def _track(self, prefix: str, step: int, epoch: float, values: Mapping[str, float]) -> None:
        if self.trackers:
            named = {f"{prefix}/{name}": float(value) for name, value in values.items()}
            for tracker in self.trackers:
                tracker.log(step, {**named, "epoch": float(epoch)})

    def _start(self, name: str, card: Mapping[str, Any], earlier: Mapping[str, str]) -> None:
        tracker = new_tracker(name)
        run = tracker.start(card, earlier.get(name))
        self.trackers.append(tracker)
        if name not in earlier:
            self._write("tracker", step=0, name=name, run=run)


@contextmanager
def open_log(
    folder: Path | None,
    *,
    tensorboard: bool,
    trackers: Sequence[str],
    card: Mapping[str, Any],
    total_steps: int,
    resume_step: int | None,
    show_progress: bool,
) -> Iterator[RunLog]:
    """The log of a run while the block lasts.

    Args:
        folder: the folder of `log.jsonl`; None logs nothing.
        tensorboard: write event files to `<folder>/tensorboard`, if tensorboardX is installed.
        trackers: mlflow, wandb, trackio.
        card: the run card as plain values, for the trackers.
        resume_step: drop lines after this update; None drops all.
        show_progress: a bar on standard error, if that is a terminal or a notebook.

    Raises:
        InputError: a tracker is unknown.
        MissingDependencyError: the package of a tracker is not installed.
        TrainingError: `log.jsonl` is not a log.
    """
    if folder is None:
        yield RunLog()
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOG_FILE
    kept = _lines_until(path, resume_step)
    earlier = {line["name"]: line["run"] for line in kept if line["kind"] == "tracker"}
    with ExitStack() as stack:
        file = stack.enter_context(path.open("a", encoding="utf-8"))
        log = RunLog(path, file)
        stack.push(lambda kind, error, trace: _finish(log.trackers, failed=kind is not None))
        if tensorboard and is_available("tensorboardX"):
            log.trackers.append(TensorBoard(folder / EVENTS_FOLDER, resume_step))
        for name in trackers:
            log._start(name, card, earlier)
        if show_progress:
            log.bar = stack.enter_context(_progress_bar(total_steps, resume_step or 0))
        yield log


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log, without an incomplete last one.

    Raises:
        TrainingError: another line is not a JSON object with `kind` and `step`.
    """
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").split("\n")[:-1], start=1):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict) or not {"kind", "step"} <= line.keys():
            raise TrainingError(
                f"Each line of {path} must be a JSON object with `kind` and `step`: line {number} "
                f"is {text[:60]!r}. Move the file away to continue without it."
            )
        found.append(line)
    return found


def _lines_until(path: Path, resume_step: int | None) -> list[dict[str, Any]]:
    """Cut the file after the update to resume from, and return the lines that are kept."""
    if not path.is_file():
        return []
    kept = []
    if resume_step is not None:
        kept = [line for line in read_log(path) if line["step"] <= resume_step]
    with atomic_file(path) as temporary:
        lines = [json.dumps(line, ensure_ascii=False) + "\n" for line in kept]
        temporary.write_text("".join(lines), encoding="utf-8")
    return kept


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """Floats that JSON can represent: infinite values and nan become None."""
    return {name: float(value) if math.isfinite(value) else None for name, value in values.items()}


def _finish(trackers: Sequence[Tracker], *, failed: bool) -> None:
    """Finish all trackers, even if one of them fails to."""
    with ExitStack() as stack:
        for tracker in trackers:
            stack.callback(tracker.finish, failed=failed)


@contextmanager
def _progress_bar(total: int, done: int) -> Iterator[Callable[..., None] | None]:
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

    console = Console(stderr=True)
    if not (console.is_terminal or console.is_jupyter):
        yield None
        return
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("training", total=total, completed=done)
        yield partial(progress.update, task)
