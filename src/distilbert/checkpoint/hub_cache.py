"""The cache of one hub repository on the disk, in the layout of huggingface_hub.

`blobs/<etag>` holds contents, `snapshots/<commit>/<file>` links to them, `refs/<revision>` names
the commit of a branch, and `.no_exist/<commit>/<file>` marks files that a commit does not have.
Every part of these paths is checked before it gets here. Sends no requests.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

# A download that has not written for so long is dead, whatever the locks of the filesystem say.
ABANDONED_SECONDS = 3600.0


class RepositoryCache:
    """The folder of one repository in a cache folder, which may be read-only."""

    def __init__(self, cache_dir: Path, name: str) -> None:
        self.folder = cache_dir / f"models--{name.replace('/', '--')}"
        self.locks = cache_dir / ".locks" / self.folder.name

    def commit_of(self, revision: str) -> str:
        """The commit that a branch or tag had when it was last loaded; else `revision` itself."""
        try:
            return (self.folder / "refs" / revision).read_text("utf-8", errors="replace")
        except OSError:
            return revision

    def snapshot(self, commit: str) -> Path:
        """The folder of the files of a commit."""
        return self.folder / "snapshots" / commit

    def find(self, file: str, commit: str) -> Path | None:
        """The local path of `file`; None if it is not in the cache."""
        path = self.snapshot(commit) / file
        return path if path.is_file() else None

    def is_absent(self, file: str, commit: str) -> bool:
        """Whether the hub said earlier that `commit` does not have this file."""
        return (self.folder / ".no_exist" / commit / file).is_file()

    def note_absence(self, file: str, commit: str) -> None:
        """Record that `commit` does not have this file, so that it is requested once."""
        mark = self.folder / ".no_exist" / commit / file
        with contextlib.suppress(OSError):  # a read-only cache: it is requested again next time
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()

    def write_ref(self, revision: str, commit: str) -> None:
        """Record which commit a branch or tag points to, so that its name works offline too."""
        if revision == commit or self.commit_of(revision) == commit:
            return
        ref = self.folder / "refs" / revision
        with contextlib.suppress(OSError):  # a read-only cache: offline, an older commit is used
            ref.parent.mkdir(parents=True, exist_ok=True)
            temporary = _temporary(ref)
            temporary.write_text(commit, "utf-8")
            os.replace(temporary, ref)

    def store(
        self,
        file: str,
        commit: str,
        etag: str,
        *,
        download: Callable[[BinaryIO], None],
        check: Callable[[Path], None],
        again: bool,
    ) -> Path:
        """The path of `file`, after its content was downloaded unless an intact one is there.

        A content gets its name once `check` accepted it. Processes that want the same one wait
        for the first. An error leaves nothing behind.

        Args:
            download: writes the content.
            check: raises ValueError for a file that is not the announced one.
            again: download even if the content is there.
        """
        from huggingface_hub.utils import WeakFileLock

        blob = self.folder / "blobs" / etag
        blob.parent.mkdir(parents=True, exist_ok=True)
        self.locks.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(self.locks / f"{etag}.lock"):
            if again or not _is_intact(blob, check):
                _remove_abandoned(blob)
                temporary = blob.with_name(f"{etag}.{secrets.token_hex(4)}.incomplete")
                try:
                    with temporary.open("wb") as target:
                        download(target)
                    check(temporary)
                    os.replace(temporary, blob)
                finally:
                    temporary.unlink(missing_ok=True)
            return _link(blob, self.snapshot(commit) / file)


def _is_intact(blob: Path, check: Callable[[Path], None]) -> bool:
    if not blob.is_file():
        return False
    try:
        check(blob)
    except ValueError:
        return False
    return True


def _remove_abandoned(blob: Path) -> None:
    """Delete what killed downloads of this content left."""
    for path in blob.parent.glob(f"{blob.name}.*.incomplete"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > ABANDONED_SECONDS:
                path.unlink()


def _link(blob: Path, path: Path) -> Path:
    """Make `path` a relative link to `blob`, or the file itself where links are not possible."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    try:
        temporary.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:
        os.replace(blob, path)
    else:
        os.replace(temporary, path)
    return path


def _temporary(path: Path) -> Path:
    return path.with_name(f".{secrets.token_hex(8)}.tmp")
