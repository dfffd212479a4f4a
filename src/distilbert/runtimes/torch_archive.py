"""The ZIP archives of PyTorch, read without it: TorchScript files and exported programs.

What is read here has to be what PyTorch reads afterwards: a name may occur only once.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer


class Unreadable(ValueError):
    """An archive with another content than its kind has."""


class Archive(Mapping[str, bytes]):
    """The entries of an archive by their names, which begin with a folder of all of them."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        """
        Raises:
            Unreadable: two entries have the same name, or not all are in one folder.
        """
        names = [entry.filename for entry in file.infolist()]
        # PyTorch finds names in any letter case, and takes another one of two than Python does.
        if len({name.casefold() for name in names}) < len(names):
            raise Unreadable("a name occurs twice")
        roots = {name.partition("/")[0] for name in names}
        if len(roots) != 1 or not all("/" in name for name in names):
            raise Unreadable("its entries are not in one folder")
        self._file, (self._root,) = file, roots

    def __getitem__(self, name: str) -> bytes:
        return self._file.read(f"{self._root}/{name}")

    def __iter__(self) -> Iterator[str]:
        return (name.partition("/")[2] for name in self._file.namelist())

    def __len__(self) -> int:
        return len(self._file.namelist())


@contextmanager
def open_archive(path: Path, kind: str) -> Iterator[Archive]:
    """The entries of a file.

    Args:
        kind: what such a file is called in messages, such as "A TorchScript file".

    Raises:
        CheckpointError: it is missing, damaged or another kind of file; also for what the caller
            raises as `Unreadable`, `KeyError` (an entry is missing) or `ValueError`.
    """
    refuse_pointer(path)
    try:
        with zipfile.ZipFile(path) as file:
            yield Archive(file)
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f"{kind} must be readable: {path} is not ({reason}).") from None
    except (zipfile.BadZipFile, NotImplementedError, KeyError, ValueError) as error:
        reason = str(error).strip("'\"")
        raise CheckpointError(
            f"{kind} must be an archive of PyTorch: {path} is damaged or another kind of file "
            f"({reason})."
        ) from None
