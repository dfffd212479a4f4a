"""Processes that are killed, at a chosen change of the disk or at a random moment, and so cannot
clean up."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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


# Its processes are forks of one that has imported the framework: killing is what costs time.
FORKS = multiprocessing.get_context("forkserver")


def started(function: Callable[..., Any], **arguments: Any) -> Any:
    """A process that calls a function."""
    FORKS.set_forkserver_preload(["torch", function.__module__])
    process = FORKS.Process(target=function, kwargs=arguments)
    process.start()
    return process


def ends(process: Any) -> None:
    process.join(120)
    assert process.exitcode == 0


def run_and_kill(output: Path, start: Callable[[], Any]) -> None:
    """Kill a run four times at random moments of its training, then let it end.

    `start` starts its process, or continues it where the last one was killed.
    """
    rng = random.Random()  # other moments in every run, on purpose
    log, kills = output / "log.jsonl", 0
    for _ in range(4):
        seen = log.stat().st_size if log.is_file() else 0
        process = start()
        while process.is_alive() and not (log.is_file() and log.stat().st_size != seen):
            time.sleep(0.005)  # until it trains
        time.sleep(rng.uniform(0.0, 0.4))
        if not process.is_alive():
            break
        process.kill()
        process.join()
        kills += 1
    assert kills > 0
    if not (output / "config.json").is_file():
        ends(start())


def log_without_times(output: Path) -> list[dict[str, Any]]:
    """The lines of a run's log but for what the clock decides."""
    lines = map(json.loads, (output / "log.jsonl").read_text().splitlines())
    timed = ("time", "values")
    return [
        {k: v for k, v in line.items() if k not in timed}
        | {"values": {k: v for k, v in line.get("values", {}).items() if k != "seconds"}}
        for line in lines
    ]
