"""The checkpoints that a run can be resumed from, written completely or not at all.

A checkpoint holds arrays by name (weights, moments of the optimizer) and the progress of the run.
The newest ones are kept, and with each the model that was the best by then, in a folder that is
never written again. Independent of frameworks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.atomic import NO_SPACE, atomic_folder, remove_folder, remove_leftovers
from distilbert.checkpoint.format_safetensors import read, write
from distilbert.errors import CheckpointError, TrainingError
from distilbert.json_files import read_json

FOLDER, ARRAYS, PROGRESS = "checkpoints", "state.safetensors", "progress.json"
STEP, BEST = "step-", "best-"


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    `step` counts finished updates; `best_score` and `best_step` are those on dev; `stale` counts
    evaluations since then without a better score; `identity` holds the values that decide what a
    run computes, so that no run continues from another's checkpoint.
    """

    identity: dict[str, Any]
    step: int = 0
    best_score: float | None = None
    best_step: int | None = None
    stale: int = 0
    seconds: float = 0.0
    examples: int = 0
    tokens: int = 0
    # Sums since the last line of the log, so that resuming does not change its numbers.
    pending: dict[str, float] = field(default_factory=dict)

    def after(self, **changes: Any) -> Progress:
        """The same with some values changed."""
        return replace(self, **changes)


class Checkpoints:
    """The checkpoints of one run, in `<output>/checkpoints/step-00000123`, and the best models
    in `best-00000123`."""

    def __init__(self, output: Path, *, keep: int) -> None:
        self.folder = output / FOLDER
        self.keep = keep

    def save(self, arrays: Mapping[str, np.ndarray], progress: Progress) -> Path:
        """Write a checkpoint and remove the oldest beyond `keep`.

        Raises:
            TrainingError: the disk is full; earlier checkpoints are as they were.
        """
        target = self.folder / f"{STEP}{progress.step:08d}"
        try:
            with atomic_folder(target) as staging:
                write(staging / ARRAYS, arrays, {"format": "np"})
                text = json.dumps(asdict(progress), indent=1)
                (staging / PROGRESS).write_text(text, encoding="utf-8")
        except OSError as error:
            raise self.out_of_space(error) from error
        for old in self.all()[: -self.keep]:
            remove_folder(old)
        kept = {_read_progress(path).best_step for path in self.all()}
        for best in self.folder.glob(f"{BEST}*"):
            if best not in {self.best(step) for step in kept if step is not None}:
                remove_folder(best)
        return target

    def best(self, step: int) -> Path:
        """The folder of the model that was the best after `step` updates."""
        return self.folder / f"{BEST}{step:08d}"

    def remove_leftovers(self) -> None:
        """Delete what earlier processes of the run left here and in its output when killed."""
        for folder in (self.folder.parent, self.folder):
            remove_leftovers(folder)

    def new_best(self, step: int) -> Path:
        """The folder to save the best model to; that of a run killed before it recorded it goes."""
        folder = self.best(step)
        if folder.exists():
            remove_folder(folder)
        return folder

    def all(self) -> list[Path]:
        """Complete checkpoints, the oldest first."""
        if not self.folder.is_dir():
            return []
        return sorted(path for path in self.folder.glob(f"{STEP}*") if (path / PROGRESS).is_file())

    def newest(self) -> Path | None:
        """The checkpoint to resume from."""
        return (self.all() or [None])[-1]

    def load(self, path: Path, identity: dict[str, Any]) -> tuple[dict[str, np.ndarray], Progress]:
        """Arrays and progress of a checkpoint.

        Raises:
            TrainingError: it belongs to another run.
            CheckpointError: its file of arrays is broken.
        """
        progress = _read_progress(path)
        names = {*identity, *progress.identity}
        others = sorted(n for n in names if identity.get(n) != progress.identity.get(n))
        if others:
            raise TrainingError(
                f"`resume` needs the run card, data and model of the interrupted run: "
                f"{', '.join(others)} differ from those that {path} was written with. Restore "
                f"them, or change `output`."
            )
        return read(path / ARRAYS)[0], progress

    def out_of_space(self, error: OSError) -> Exception:
        """An error with a clear message for a full disk or quota; any other error unchanged."""
        if error.errno not in NO_SPACE:
            return error
        newest = self.newest()
        kept = "No checkpoint was written yet." if newest is None else f"{newest} is kept."
        return TrainingError(
            f"The disk must hold a checkpoint: {self.folder} is full. {kept} "
            f"Free some space, then continue with `resume`."
        )


def remove_checkpoints(output: Path) -> None:
    """Delete the checkpoints of a finished run; after an interruption, all are there or none.

    A link to a folder elsewhere is deleted too, with what the run wrote there.
    """
    folder = output / FOLDER
    if not folder.is_symlink():
        remove_folder(folder)
        return
    target = folder.resolve()
    folder.unlink()  # from now on the run is finished
    for name in (STEP, BEST):
        for path in target.glob(f"{name}*"):
            remove_folder(path)
    remove_leftovers(target)


def _read_progress(checkpoint: Path) -> Progress:
    """
    Raises:
        CheckpointError: the file is damaged, or has other fields than a run writes.
    """
    stored = read_json(checkpoint / PROGRESS)
    kinds = {"step": int, "stale": int, "examples": int, "tokens": int}
    kinds |= {"identity": dict, "pending": dict}
    names = {field.name for field in fields(Progress)}
    is_ours = {"identity"} <= stored.keys() <= names and all(
        type(stored.get(name, kind())) is kind for name, kind in kinds.items()
    )
    if not is_ours:
        raise CheckpointError(
            f"`{PROGRESS}` must be as the run wrote it: {checkpoint} has another one. Delete that "
            f"folder to continue from an earlier checkpoint."
        )
    return Progress(**stored)
