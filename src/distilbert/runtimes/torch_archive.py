"""The ZIP archives of PyTorch, read without it: TorchScript files and exported programs.

What is read here has to be what PyTorch reads afterwards: a name may occur only once.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from distilbert.errors import CheckpointError, shown
from distilbert.git_lfs import refuse_pointer

# Bytes of all functions; those of DistilBERT-base have 200 kB. Python's parser takes a hundred
# times as much memory as the text that it reads.
MAX_BYTES = 4 * 1024 * 1024
# The methods that can be unpacked up to a limit.
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Where the order of the bytes of numbers is, if it is anywhere.
BYTE_ORDER = "byteorder"

# What `zipfile` raises for a damaged archive, and for an entry that is missing or encrypted.
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, KeyError),
    *(ValueError, RuntimeError, OverflowError, struct.error),
)


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
        """
        Raises:
            Unreadable: it is larger than a part of a program can be, or cannot be unpacked safely.
        """
        entry = self._file.getinfo(f"{self._root}/{name}")
        if entry.file_size > MAX_BYTES or entry.compress_type not in METHODS:
            raise Unreadable(
                f"the entry {shown(name)} has more than {MAX_BYTES} bytes, or is not deflated"
            )
        with self._file.open(entry) as member:
            return member.read(MAX_BYTES)

    def tensor(self, name: str) -> bytes:
        """An entry of any size. It is not compressed, so it has no more bytes than the file.

        Raises:
            Unreadable: it is compressed, or has its highest bytes first.
        """
        order = self.get(BYTE_ORDER, b"little")
        if order.strip() != b"little":
            raise Unreadable("its numbers do not have their lowest bytes first")
        entry = self._file.getinfo(f"{self._root}/{name}")
        if entry.compress_type != zipfile.ZIP_STORED:
            raise Unreadable(f"the entry {shown(name)} is compressed")
        return self._file.read(entry)

    def __contains__(self, name: object) -> bool:
        return f"{self._root}/{name}" in self._file.NameToInfo

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
    except DAMAGED as error:
        reason = str(error).strip("'\"")
        raise CheckpointError(
            f"{kind} must be an archive of PyTorch: {path} is damaged or another kind of file "
            f"({reason})."
        ) from None
