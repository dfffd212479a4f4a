"""Threads that compute with PyTorch on one core each."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import Barrier, Lock
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

_starting = Lock()


def map_on_cores(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """`function` of every item, in order, computed by one thread per core that PyTorch uses.

    Callers whose PyTorch uses the same number of cores share these threads, so that together they
    use no more. `function` must not call this function.
    """
    with _starting:
        threads = _threads(torch.get_num_threads())
    return list(threads.map(function, items))


@cache
def _threads(n: int) -> ThreadPoolExecutor:
    """`n` threads in which an operator of PyTorch uses one core."""
    everyone = Barrier(n + 1)

    def start() -> None:
        torch.get_num_threads()  # a thread takes over the process's number when it is first asked
        torch.set_num_threads(1)
        everyone.wait()

    threads = ThreadPoolExecutor(n, thread_name_prefix="distilbert")
    try:
        for _ in range(n):
            threads.submit(start)
        everyone.wait()
    except BaseException:  # such as no more threads
        everyone.abort()
        threads.shutdown(wait=False, cancel_futures=True)
        raise
    finally:
        # The number of a thread is its own, but it is also that of threads that start from now on.
        torch.set_num_threads(n)
    return threads


def _forget() -> None:
    """In a forked process, where these threads do not exist and nobody releases the lock."""
    global _starting
    _starting = Lock()
    _threads.cache_clear()


os.register_at_fork(after_in_child=_forget)
