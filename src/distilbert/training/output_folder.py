"""The folder that a run, a search or an evaluation writes: new, empty, or a result to replace.

A result is only replaced if its folder contains nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from distilbert.checkpoint.atomic import (
    TEMPORARY_SUFFIX,
    check_folder_writable,
    remove_folder,
)
from distilbert.errors import InputError
from distilbert.training.run_card import RunCard

# Foreign files that an error names.
NAMED = 5


@dataclass(frozen=True)
class Contents:
    """What the folder of a result contains.

    `mark` is there from the start, and no result is complete without `decisive`; `others` are
    patterns of all further names. One that `resumes` can be continued after an interruption.
    """

    kind: str
    mark: str
    decisive: str
    others: tuple[str, ...]
    resumes: bool = True

    @property
    def advice(self) -> str:
        """What to do with one that is in the way."""
        if not self.resumes:
            return f"Replace a {self.kind} with `overwrite`"
        return f"Continue an interrupted {self.kind} with `resume`, replace it with `overwrite`"

    def foreign(self, names: Iterable[str]) -> list[str]:
        """The names that do not belong to such a result."""
        known = (self.mark, self.decisive, *self.others, f".*{TEMPORARY_SUFFIX}")
        return [name for name in names if not any(fnmatchcase(name, one) for one in known)]


def check_output(
    output: Path, contents: Contents, *, overwrite: bool, sources: Iterable[Any] = ()
) -> None:
    """Check that `output` is new or empty, or with `overwrite` a result that may be deleted.

    Args:
        sources: the files and folders that are read; none of them may be in a folder to replace.

    Raises:
        InputError: it is neither.
        CheckpointError: nothing can be written there.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"`output` must be a new or empty folder: {output} is a file.")
    check_folder_writable(output)
    names = sorted(path.name for path in output.iterdir()) if output.is_dir() else []
    if not names:
        return
    if not overwrite:
        raise InputError(
            f"`output` must be a new or empty folder: {output} contains files. "
            f"{contents.advice}, or choose another folder."
        )
    foreign = contents.foreign(names)
    if foreign or contents.mark not in names:
        found = f"contains {', '.join(foreign[:NAMED])}" if foreign else f"has no {contents.mark}"
        raise InputError(
            f"`overwrite` replaces only the folder of a {contents.kind}: {output} {found}. Choose "
            f"another `output`."
        )
    for source in sources:
        if Path(source).expanduser().resolve().is_relative_to(output.resolve()):
            raise InputError(
                f"`overwrite` must not delete what is read: {source} is in {output}. Choose "
                f"another `output`."
            )


def empty_output(output: Path, contents: Contents) -> None:
    """Delete a result except for its mark, so that one that was deleted in part can be replaced.

    Files that were added since it was checked are kept.
    """
    names = {path.name for path in output.iterdir()} - {contents.mark}
    paths = [output / name for name in names.difference(contents.foreign(names))]
    for path in sorted(paths, key=lambda one: one.name != contents.decisive):
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink()


def sources_in(card: RunCard) -> list[str]:
    """Models and rows that a run or a search with this card reads, as far as it names them."""
    searched = [card.search.get(name) for name in ("model", "teacher")]
    models = [card.model, card.distillation.teacher]
    models += [one for values in searched if isinstance(values, (list, tuple)) for one in values]
    rows = [*card.data.train, *card.data.dev, *card.data.test]
    return [one for one in (*models, *rows) if isinstance(one, str) and one]
