"""The output folder of a run from its start: may it be written, what is in it, how to continue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from distilbert.checkpoint.atomic import atomic_file, check_folder_writable, remove_leftovers
from distilbert.checkpoint.output_folder import Contents, check_output, empty_output
from distilbert.errors import InputError
from distilbert.training.card import Card
from distilbert.training.card_file import card_text, read_card, with_changes
from distilbert.training.checkpoints import FOLDER, Checkpoints
from distilbert.training.messages import how_to_continue

C = TypeVar("C", bound=Card)
# The card of a run, and the file of a result that is written last.
CARD_FILE, RESULT_FILE = "card.toml", "config.json"


def is_finished(folder: Path) -> bool:
    """Whether a run ended with a complete result and needs no checkpoints any more; `CARD_FILE` is
    there from its start."""
    files = (folder / CARD_FILE, folder / RESULT_FILE)
    return all(file.is_file() for file in files) and not (folder / FOLDER).exists()


def card_of_run(changes: Mapping[str, Any], kind: type[C], *, start: str) -> C | None:
    """The card that an interrupted run left in its output folder; None if there is none, but the
    changes name what a run starts from, the field `start`.

    Raises:
        InputError: there is nothing to resume.
    """
    output = changes.get("output")
    if output is not None and (Path(output) / CARD_FILE).is_file():
        return read_card(Path(output) / CARD_FILE, kind)
    if changes.get(start) is None:
        raise InputError(
            f"`resume` needs the `output` of an interrupted run, which contains {CARD_FILE}, or a "
            f"run card: got output={None if output is None else str(output)!r}."
        )
    return None


def check_run_folder(
    output: Path,
    contents: Contents,
    *,
    resume: bool,
    overwrite: bool,
    sources: Iterable[Any],
    start: str,
) -> None:
    """Check that a run may write into `output`.

    Args:
        sources: the files and folders that are read; none of them may be in a folder to replace.
        start: the field of the card that names what a run starts from.

    Raises:
        InputError: it contains files, and neither `resume` nor `overwrite` is set; or both are; or
            the run to resume is finished.
        CheckpointError: nothing can be written there.
    """
    if resume and overwrite:
        raise InputError("Give either `resume` or `overwrite`: got both.")
    if resume and is_finished(output):
        remove_leftovers(output)  # of a process that was killed after its last step
        further = "To train it further, set `model` to this folder and choose another `output`."
        raise InputError(
            f"`resume` continues an interrupted run: {output} contains a finished run. "
            f"{further if start == 'model' else 'Choose another `output`.'}"
        )
    if not resume or not output.is_dir():
        check_output(output, contents, overwrite=overwrite, sources=sources)
    else:
        check_folder_writable(output)


def begin_run(
    card: Card,
    output: Path,
    contents: Contents,
    *,
    overwrite: bool,
    sources: Mapping[str, str | None],
) -> None:
    """Delete the run to replace, and write the card of a new one, so that `resume` needs only the
    output folder and works in any working folder.

    `sources` are fields of the card and their values that may be paths; those that exist are
    written as absolute paths.
    """
    is_new = Checkpoints(output, keep=1).newest() is None
    if overwrite and output.is_dir():
        empty_output(output, contents)
    if not overwrite and not is_new:  # it may yet be refused
        return
    local = {name: Path(path).expanduser() for name, path in sources.items() if path}
    local = {name: str(path.absolute()) for name, path in local.items() if path.exists()}
    output.mkdir(parents=True, exist_ok=True)
    with atomic_file(output / CARD_FILE) as temporary:
        temporary.write_text(card_text(with_changes(card, local)), encoding="utf-8")


@contextmanager
def interruptible(command: str, output: Path) -> Iterator[None]:
    """A block in which Ctrl-C says how `distilbert command` continues the run."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(how_to_continue(command, output)) from None


@contextmanager
def named_full_disk(output: Path) -> Iterator[None]:
    """A block whose errors of the system name the folder of the run."""
    try:
        yield
    except OSError as error:
        raise Checkpoints(output, keep=1).out_of_space(error) from error
