"""Atomic writing: a file or folder appears complete under its name, or stays unchanged.

Everything is written under a temporary name on the same filesystem, flushed to the disk, and then
renamed. Readers that have the old file open or memory-mapped keep it. A link stays a link: the file
that it points to is replaced. Devices, pipes and open files (/dev/stdout) are written through.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from distilbert.errors import CheckpointError

TEMPORARY_SUFFIX = ".tmp"
_TEMPORARY = re.compile(r"\..*\.[0-9a-f]{8}\.tmp")
# Links of links that are followed; Linux follows as many.
MAX_LINKS = 40
# What the system reports when a disk or quota is full, or a file larger than the disk allows.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A temporary path to write to; renamed to `path` when the block ends without an error.

    The path is `path` itself if that is not a regular file, such as a device or a pipe.

    Raises:
        CheckpointError: `path` cannot be written, or the block wrote nothing.
    """
    check_writable(path)
    if is_written_through(path):
        yield Path(path)
        return
    path = Path(path).resolve()
    temporary = _temporary_name(path)
    try:
        yield temporary
        if not temporary.is_file():
            raise CheckpointError(f"The block must write to {temporary}: the file does not exist.")
        if path.is_file():
            shutil.copymode(path, temporary)
        _flush(temporary)
        os.replace(temporary, path)
        _flush(path.parent)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raise CheckpointError if a file cannot be written under this name."""
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(f"A file must not take the place of a folder: got {path}.")
    try:
        folder = path.resolve().parent
    except RuntimeError as error:  # links in a circle
        raise CheckpointError(
            f"The output must be a writable file: got {path} ({error})."
        ) from None
    if path.exists() and not os.access(path, os.W_OK):
        reason = "you have no permission to write it"
    elif is_written_through(path):
        return
    elif not folder.is_dir():
        reason = f"the folder {folder} does not exist"
    elif os.access(folder, os.W_OK | os.X_OK):
        return
    else:
        reason = f"you have no permission to create files in {folder}"
    raise CheckpointError(f"The output must be a writable file: got {path}, but {reason}.")


def check_folder_writable(folder: str | os.PathLike[str]) -> None:
    """Raise CheckpointError if nothing can be written in a folder, which need not exist yet.

    Only writing shows it, so an empty folder is made and deleted there, or in the nearest folder
    above that exists.
    """
    place = Path(folder).absolute()
    try:
        while not _is_there(place):
            place = place.parent
        probe = _temporary_name(place / "probe")
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        raise CheckpointError(
            f"The output must be a folder that can be written: got {folder}, but "
            f"{_why_not_in(place, error)}."
        ) from None


def _why_not_in(place: Path, error: OSError) -> str:
    """Why no folder can be created in a place."""
    if isinstance(error, NotADirectoryError):
        return f"{next(one for one in (place, *place.parents) if one.exists())} is not a folder"
    if isinstance(error, PermissionError):
        return f"you have no permission to create folders in {place}"
    reason = "" if isinstance(error, FileNotFoundError) else f" ({error.strerror or error})"
    return f"no folder can be created in {place}{reason}"


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except FileNotFoundError:
        return False
    return True


def is_written_through(path: str | os.PathLike[str]) -> bool:
    """Whether a path is a device or pipe, or an open file under /proc or /dev/fd."""
    path = Path(path)
    if path.exists() and not path.is_file():
        return True
    for _ in range(MAX_LINKS):
        if path.parent.resolve().is_relative_to("/proc"):
            return True
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return False


@contextmanager
def atomic_folder(
    target: str | os.PathLike[str], *, replaces: Collection[str] = (), last: Sequence[str] = ()
) -> Iterator[Path]:
    """A temporary folder; its files appear in `target` when the block ends without an error.

    A new `target` appears in one rename. In an existing one, the files are renamed into place,
    those in `last` at the end; other files are kept, and an error restores the old files.

    Args:
        last: names of the files through which readers find the others, in the order to appear.
        replaces: names of old files in `target` to delete once the new ones are in place.

    Raises:
        CheckpointError: `target` is a file.
    """
    target = Path(target).resolve()
    if target.exists() and not target.is_dir():
        raise CheckpointError(f"A checkpoint must be saved to a folder: got the file {target}.")
    exists = target.is_dir()
    target.parent.mkdir(parents=True, exist_ok=True)
    # Inside an existing folder the staging area is on its filesystem even if it is a mount point.
    staging = _temporary_name(target / "new" if exists else target)
    staging.mkdir()
    try:
        yield staging
        for path in (*sorted(staging.rglob("*")), staging):
            _flush(path)
        if exists:
            _move_in(staging, target, last=last)
            for name in replaces:
                (target / name).unlink(missing_ok=True)
            if replaces:
                _flush(target)
        else:
            os.replace(staging, target)
            _flush(target.parent)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def remove_folder(folder: Path) -> None:
    """Delete a folder. After an interruption, it is either complete or gone."""
    doomed = _temporary_name(folder)
    os.replace(folder, doomed)
    shutil.rmtree(doomed)


def remove_leftovers(folder: Path, *, of: str = "*") -> None:
    """Delete the temporary files and folders that killed processes left directly in `folder`.

    `of` is the name of one file, or a pattern.
    """
    for path in folder.glob(f".{of}.*{TEMPORARY_SUFFIX}"):
        if not is_temporary(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def is_temporary(name: str) -> bool:
    """Whether a file or folder has a name that only this module gives."""
    return _TEMPORARY.fullmatch(name) is not None


def _temporary_name(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")


def _flush(path: Path) -> None:
    """Push a file's bytes, or a folder's names, to the disk."""
    if os.name == "nt" and path.is_dir():  # Windows cannot open a folder
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _move_in(staging: Path, target: Path, *, last: Sequence[str]) -> None:
    """Rename every staged file into `target`; undo the renames on an error."""
    names = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
    names.sort(key=lambda name: last.index(str(name)) + 1 if str(name) in last else 0)
    backup = _temporary_name(target / "old")
    backup.mkdir()
    done: list[Path] = []
    try:
        for name in names:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            if (target / name).is_dir():
                raise CheckpointError(f"A file must not take the place of a folder: {name}.")
            if (target / name).exists() or (target / name).is_symlink():
                (backup / name).parent.mkdir(parents=True, exist_ok=True)
                _keep(target / name, backup / name)
            done.append(name)
            os.replace(staging / name, target / name)
        _flush(target)
    except BaseException:
        for name in done:
            if (backup / name).is_symlink() or (backup / name).exists():
                os.replace(backup / name, target / name)
            else:
                (target / name).unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(backup, ignore_errors=True)


def _keep(old: Path, backup: Path) -> None:
    """Give the old file a second name, so that its first name never disappears."""
    try:
        os.link(old, backup, follow_symlinks=False)
    except OSError:  # a filesystem without hard links
        shutil.copy2(old, backup, follow_symlinks=False)
