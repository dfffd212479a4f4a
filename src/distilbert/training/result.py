"""The result folder of a run: its files appear at once, when the run has ended."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distilbert.checkpoint.atomic import atomic_file, atomic_folder
from distilbert.checkpoint.convert import convert
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.training.card import Card
from distilbert.training.card_file import card_text, with_changes
from distilbert.training.checkpoints import FOLDER, remove_checkpoints
from distilbert.training.loop import Trained

# The card of a run, and the file of a result that is written last.
CARD_FILE, RESULT_FILE = "card.toml", "config.json"


def write_card(card: Card, output: Path, sources: Mapping[str, str | None]) -> None:
    """Write a card at the start of its run, so that `resume` needs only the output folder, and
    works in any working folder.

    `sources` are fields of the card and their values that may be paths; those that exist are
    written as absolute paths.
    """
    local = {name: Path(path).expanduser() for name, path in sources.items() if path}
    local = {name: str(path.absolute()) for name, path in local.items() if path.exists()}
    card = with_changes(card, local)
    output.mkdir(parents=True, exist_ok=True)
    with atomic_file(output / CARD_FILE) as temporary:
        temporary.write_text(card_text(card), encoding="utf-8")


def is_finished(folder: Path) -> bool:
    """Whether a run ended with a complete result and needs no checkpoints any more; `CARD_FILE` is
    there from its start."""
    files = (folder / CARD_FILE, folder / RESULT_FILE)
    return all(file.is_file() for file in files) and not (folder / FOLDER).exists()


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
