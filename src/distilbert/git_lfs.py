"""Pointers of git-LFS: the small text files that a clone without git-LFS holds instead of data."""

from __future__ import annotations

from pathlib import Path

from distilbert.errors import CheckpointError

POINTER = b"version https://git-lfs.github.com/spec/"


def refuse_pointer(path: Path) -> None:
    """Do nothing for a file of data, or for one that is missing.

    Raises:
        CheckpointError: the file is a git-LFS pointer.
    """
    if not path.is_file():  # a pipe would have to be waited for
        return
    try:
        with path.open("rb") as file:
            start = file.read(len(POINTER))
    except OSError:
        return  # the code that reads the file says what is wrong
    if start == POINTER:
        raise CheckpointError(
            f"A file must contain its data: {path} is a git-LFS pointer to them. Run "
            "`git lfs pull` in that clone, or download the file."
        )
