"""The log of a run: `log.jsonl`, one object a line, plus a progress bar and trackers.

A run that resumes cuts the lines its checkpoint does not know, so the file reads as if nothing had
happened.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from distilbert._lazy import is_available
from distilbert.checkpoint.atomic import atomic_file
from distilbert.training.trackers import TensorBoard, Tracker, tracker

LOG_FILE = "log.jsonl"


class RunLog:
    """Where a session tells what happens; without a folder it says nothing."""

    def __init__(
        self, path: Path | None, file: IO[str] | None, trackers: Sequence[Tracker], bar: Any
    ) -> None:
        self._path, self._file, self._trackers, self._bar = path, file, trackers, bar

    def train(self, step: int, epoch: float, values: Mapping[str, float]) -> None:
        """Values of updates: loss, learning rate, ..."""
        self._line("train", step=step, epoch=epoch, values=_plain(values))
        self._send(step, {f"train/{name}": value for name, value in values.items()})

    def scores(self, step: int, epoch: float, split: str, scores: Mapping[str, float]) -> None:
        """Scores of a split after `step` updates."""
        self._line("scores", step=step, epoch=epoch, split=split, values=_plain(scores))
        self._send(step, {f"{split}/{name}": value for name, value in scores.items()})

    def note(self, text: str) -> None:
        """A sentence for people."""
        self._line("note", text=text)

    def advance(self, step: int) -> None:
        """Show that `step` updates are done."""
        if self._bar is not None:
            bar, number = self._bar
            bar.update(number, completed=step)

    def history(self) -> list[dict[str, Any]]:
        """All lines so far, those before a resume too."""
        return [] if self._path is None else read_log(self._path)

    def _line(self, kind: str, **values: Any) -> None:
        if self._file is None:
            return
        self._file.write(json.dumps({"kind": kind, **values, "time": time.time()}) + "\n")
        self._file.flush()

    def _send(self, step: int, values: Mapping[str, float]) -> None:
        for one in self._trackers:
            one.log(step, values)


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
    """The log of a run in `folder`; None, of processes that do not lead, logs nothing.

    Args:
        resume_step: the step that a resumed run goes on from; None starts a new log.
        show_progress: a bar on standard error, if that is a terminal.

    Raises:
        MissingDependencyError: the package of a tracker is not installed.
    """
    if folder is None:
        yield RunLog(None, None, (), None)
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOG_FILE
    _cut(path, resume_step)
    with ExitStack() as stack:
        others: list[Tracker] = [tracker(name) for name in trackers]
        if tensorboard and is_available("tensorboardX"):
            others.append(TensorBoard(folder, resume_step=resume_step))
        for one in others:
            one.start(card)
            stack.callback(one.finish)
        bar = _bar(stack, total_steps, resume_step or 0) if show_progress else None
        file = stack.enter_context(path.open("a", encoding="utf-8"))
        yield RunLog(path, file, others, bar)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of a log; a last one that was cut off by a sudden end is left out."""
    if not path.is_file():
        return []
    whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
    return [json.loads(line) for line in whole.splitlines() if line]


def _cut(path: Path, resume_step: int | None) -> None:
    """Leave only lines up to the step; notes stay while the lines before them do."""
    kept = []
    for line in read_log(path) if resume_step is not None else []:
        if line.get("step", 0) > resume_step:
            break
        kept.append(json.dumps(line) + "\n")
    with atomic_file(path) as temporary:
        temporary.write_text("".join(kept), encoding="utf-8")


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    """JSON knows no NaN."""
    return {name: float(v) if math.isfinite(v) else None for name, v in values.items()}


def _bar(stack: ExitStack, total: int, done: int) -> Any:
    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = ("Training", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = stack.enter_context(Progress(*columns, console=Console(stderr=True)))
    return bar, bar.add_task("", total=total, completed=done)
