"""The folder that a command writes: new, empty, or an earlier result of the same kind to replace.

A result is only replaced if its folder contains nothing else, and nothing that is read.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

from distilbert.checkpoint.atomic import (
    atomic_folder,
    check_folder_writable,
    is_temporary,
    remove_folder,
    remove_leftovers,
)
from distilbert.errors import InputError

# Foreign files that an error names.
NAMED = 5


@dataclass(frozen=True)
class Contents:
    """What the folder of a result contains.

    `mark` is there from the start, and no result is complete without `decisive`; `others` are
    patterns of all further files, and names of folders with all that is in them. One that
    `resumes` can be continued after an interruption; any other is written at once, `mark` last.
    """

    kind: str
    mark: str
    others: tuple[str, ...]
    decisive: str | None = None
    resumes: bool = False

    @property
    def advice(self) -> str:
        """What to do with one that is in the way."""
        if not self.resumes:
            return f"Replace {_with_article(self.kind)} with `overwrite`"
        return f"Continue an interrupted {self.kind} with `resume`, replace it with `overwrite`"

    def foreign(self, paths: Iterable[str]) -> list[str]:
        """The paths, relative to the folder, that do not belong to such a result."""
        return [path for path in paths if not self._is_own(PurePosixPath(path))]

    def _is_own(self, path: PurePosixPath) -> bool:
        patterns = (self.mark, *filter(None, (self.decisive,)), *self.others)
        is_inside = any(str(folder) in patterns for folder in path.parents)
        return is_inside or any(_matches(path.parts, pattern) for pattern in patterns)


def _matches(parts: Sequence[str], pattern: str) -> bool:
    """Whether each part of a path matches that of a pattern: `*` stands for no `/`."""
    wanted = PurePosixPath(pattern).parts
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def check_output(
    output: Path,
    contents: Contents,
    *,
    overwrite: bool,
    sources: Iterable[Any] = (),
    name: str = "output",
) -> None:
    """Check that `output` is new or empty, or with `overwrite` a result that may be deleted.

    Args:
        sources: the files and folders that are read, and other values, which are ignored; none of
            them may be in a folder to replace, or be that folder.
        name: of the argument, for errors.

    Raises:
        InputError: it is neither.
        CheckpointError: nothing can be written there.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"`{name}` must be a new or empty folder: {output} is a file.")
    check_folder_writable(output)
    paths = _paths(output)
    if not paths:
        return
    for source in sources:
        if _is_in(source, output):
            raise InputError(
                f"`{name}` must not contain what is read, which would be lost: {source} is in "
                f"{output}. Choose another folder."
            )
    if not overwrite:
        raise InputError(
            f"`{name}` must be a new or empty folder: {output} contains files. "
            f"{contents.advice}, or choose another folder."
        )
    foreign = contents.foreign(paths)
    if foreign or contents.mark not in paths:
        found = f"contains {', '.join(foreign[:NAMED])}" if foreign else f"has no {contents.mark}"
        raise InputError(
            f"`overwrite` replaces only the folder of {_with_article(contents.kind)}: {output} "
            f"{found}. Choose another folder."
        )


@contextmanager
def new_result(output: Path, contents: Contents) -> Iterator[Path]:
    """A folder for the files of a result, which appear in `output` when the block ends.

    They take the place of all files of an earlier result that was checked before; an error leaves
    those as they are. Files that were added since are kept.
    """
    paths = _paths(output)
    old = set(paths).difference(contents.foreign(paths))
    if old:
        remove_leftovers(output)  # of a process that was killed
    with atomic_folder(output, replaces=old, last=(contents.mark,)) as staging:
        yield staging
        old.difference_update(_paths(staging))
    for folder in sorted({str(one) for name in old for one in PurePosixPath(name).parents})[:0:-1]:
        with suppress(OSError):  # it still contains files
            (output / folder).rmdir()


def empty_output(output: Path, contents: Contents) -> None:
    """Delete a result except for its mark, so that one that was deleted in part can be replaced.

    Files that were added since it was checked are kept.
    """
    remove_leftovers(output)
    names = {path.name for path in output.iterdir()} - {contents.mark}
    names.difference_update(contents.foreign(names))
    kept = {PurePosixPath(path).parts[0] for path in contents.foreign(_paths(output))}
    paths = [output / name for name in names - kept]
    for path in sorted(paths, key=lambda one: one.name != contents.decisive):
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink()


def _paths(folder: Path) -> list[str]:
    """All files and links in a folder, without what a killed process left there."""
    found: list[str] = []
    if not folder.is_dir():
        return found
    for place, folders, files in os.walk(folder, onerror=_raised):
        here = Path(place)
        if here == folder:
            folders[:] = [name for name in folders if not is_temporary(name)]
            files = [name for name in files if not is_temporary(name)]
        links = [name for name in folders if (here / name).is_symlink()]
        found += [(here / name).relative_to(folder).as_posix() for name in (*files, *links)]
    return sorted(found)


def _raised(error: OSError) -> None:
    raise error


def _is_in(source: Any, output: Path) -> bool:
    """Whether a source is a local file or folder, or a pattern of some, in `output`."""
    if not isinstance(source, (str, os.PathLike)):
        return False
    path = Path(source).expanduser()
    is_local = os.path.lexists(path) or glob.has_magic(os.fspath(path))
    return is_local and path.resolve().is_relative_to(output.resolve())


def _with_article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
