"""A process that is killed at a chosen change of the disk, and so cannot clean up."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CHANGES = ("replace", "rename", "link", "unlink", "rmdir", "mkdir")


class Killed(BaseException):
    """Ends the work; not an error, so nothing handles it."""


@contextmanager
def killed_after(n_calls: int) -> Iterator[list[str]]:
    """Let `n_calls` changes of the disk happen, then none any more: a kill leaves no time to
    clean up, unlike an error. Yields the names of the calls made."""
    calls: list[str] = []

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def work(*args: Any, **kwargs: Any) -> Any:
            calls.append(name)
            if len(calls) > n_calls:
                raise Killed(name)
            return call(*args, **kwargs)

        return work

    with pytest.MonkeyPatch.context() as patched:
        for name in CHANGES:
            patched.setattr(os, name, counted(name, getattr(os, name)))
        patched.setattr(os, "fsync", counted("fsync", lambda handle: None))  # slow, and no change
        yield calls
