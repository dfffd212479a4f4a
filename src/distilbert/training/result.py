"""The result folder of a run: its files appear at once, when the run has ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distilbert.checkpoint.atomic import atomic_folder
from distilbert.checkpoint.convert import convert
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.hub import TOKENIZER_FILES
from distilbert.checkpoint.output_folder import Contents
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.training.checkpoints import FOLDER, remove_checkpoints
from distilbert.training.log import EVENTS_FOLDER, LOG_FILE
from distilbert.training.loop import Trained
from distilbert.training.report import PAGE_FILE, PLOTS_FOLDER, REPORT_FILE
from distilbert.training.run_folder import CARD_FILE, RESULT_FILE

# Patterns of the names that the folder of every run contains, besides its card and its config.
FILES = ("model*.safetensors*", *TOKENIZER_FILES, "README.md", REPORT_FILE, PAGE_FILE)
FILES += (PLOTS_FOLDER, LOG_FILE, EVENTS_FOLDER, FOLDER)


def run_contents(*others: str) -> Contents:
    """What the folder of a run contains, with patterns of the names that only some runs write."""
    names = (*FILES, *others)
    return Contents("run", mark=CARD_FILE, decisive=RESULT_FILE, others=names, resumes=True)


@contextmanager
def result_folder(output: Path) -> Iterator[Path]:
    """A folder for the files of the result, which appear in `output` when the block ends.

    The checkpoints, and the best model with them, disappear last and at once: until then the run
    can be resumed and writes its result again.
    """
    with atomic_folder(output, last=(CARD_FILE, RESULT_FILE)) as staging:
        yield staging
    remove_checkpoints(output)


def write_model(best: Path, target: Path, head: str) -> None:
    """Write safetensors with PyTorch's names, which every framework and transformers can read."""
    if any(best.glob("model*.safetensors")):
        for path in best.iterdir():
            try:
                os.link(path, target / path.name)  # the same bytes; the other name is removed soon
            except OSError:
                shutil.copy2(path, target / path.name)
    else:
        convert(best, target, head=head)


def course(trained: Trained) -> dict[str, Any]:
    """What a report says of the updates."""
    progress = trained.progress
    arrays = open_checkpoint(trained.best, formats=tuple(WEIGHT_FILES))
    return {
        "steps": progress.step,
        "seconds": progress.seconds,
        "examples_per_second": progress.examples / max(progress.seconds, 1e-9),
        "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
        "best_step": progress.best_step,
        "n_parameters": sum(int(array.size) for array in arrays.values()),
        "history": trained.history,
    }
