"""Hashes of contents: equal contents have equal hashes, wherever they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def file_sha256(path: Path) -> str:
    """The sha256 of a file's content in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(parts: Iterable[Any]) -> str:
    """A hash of values, through their `repr`, in their order."""
    found = hashlib.sha256()
    for part in parts:
        found.update(repr(part).encode("utf-8", "surrogatepass") + b"\n")
    return found.hexdigest()


def files_digest(paths: Iterable[Path]) -> str:
    """A hash of the names and contents of those paths that are files."""
    return digest((path.name, file_sha256(path)) for path in paths if path.is_file())
