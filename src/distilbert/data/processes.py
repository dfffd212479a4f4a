"""Calls a function in worker processes; results come in the order of the items.

Workers are new interpreters. `multiprocessing` would either import the caller's main module again,
which runs a script without `if __name__ == "__main__"` twice, or copy a process with threads.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar

from distilbert.errors import TrainingError

Item = TypeVar("Item")
Result = TypeVar("Result")
# Items per worker that are taken ahead of the result that is waited for.
AHEAD = 2
# What a worker runs: it is sent where modules are found, and then `serve`.
START = (
    "import pickle, sys; sys.path[:] = pickle.load(sys.stdin.buffer); "
    "pickle.load(sys.stdin.buffer)()"
)


def n_processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_processes(
    function: Callable[[Item], Result], items: Iterable[Item], *, processes: int
) -> Iterator[Result]:
    """`function(item)` of each item, in order; all of them must be picklable.

    A worker is started when there is an item for it.

    Raises:
        TrainingError: a worker process ended. Errors of the function are raised unchanged.
    """
    workers: list[_Worker] = []
    idle: SimpleQueue[_Worker] = SimpleQueue()
    waiting: deque[Future[Result]] = deque()

    def call(item: Item) -> Result:
        worker = idle.get()
        try:
            return worker.call(item)
        finally:
            idle.put(worker)

    pool = ThreadPoolExecutor(processes)
    try:
        for item in items:
            if len(workers) < processes:
                workers.append(_Worker(function))
                idle.put(workers[-1])
            waiting.append(pool.submit(call, item))
            if len(waiting) > AHEAD * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
        for worker in workers:
            worker.close()


class _Worker:
    """A process that calls one function for each item that it is sent."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # There is a process for each processor: no threads of the tokenizer's library too.
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
        )
        with self._named_end():
            for value in (sys.path, serve, function):
                self._send(value)

    def call(self, item: Any) -> Any:
        """The function's result for the item; an error of the function is raised here."""
        with self._named_end():
            self._send(item)
            assert self._process.stdout is not None
            is_result, value = pickle.load(self._process.stdout)
        if is_result:
            return value
        raise value

    def close(self) -> None:
        """End the process: it ends with its input."""
        self._process.communicate()

    def _send(self, value: Any) -> None:
        assert self._process.stdin is not None
        pickle.dump(value, self._process.stdin, pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()

    @contextlib.contextmanager
    def _named_end(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, BrokenPipeError):
            raise TrainingError(
                f"Worker processes must run until all texts are tokenized: one ended with status "
                f"{self._process.wait()}. If memory was short, use fewer `processes`."
            ) from None


def serve() -> None:
    """The loop of a worker process: a function, then items, each answered by a result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # its parent ends it by closing its input
    source, target = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what the function prints must not mix with its results
    function = pickle.load(source)
    while True:
        try:
            item = pickle.load(source)
        except EOFError:
            return
        try:
            answer = (True, function(item))
        except Exception as error:
            answer = (False, error)
        try:
            pickle.dump(answer, target, pickle.HIGHEST_PROTOCOL)
            target.flush()
        except BrokenPipeError:  # the parent was killed
            os._exit(1)  # at a normal exit Python would try to write the rest
