"""Threads of one core each: shared by all callers, and without an effect on other threads."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator

import pytest
import torch

from distilbert.torch.threads import map_on_cores


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def cores_used(_: int) -> tuple[int, str]:
    return torch.get_num_threads(), threading.current_thread().name


def test_each_thread_uses_one_core_and_the_callers_number_stays() -> None:
    used = map_on_cores(cores_used, range(8))
    assert {n for n, _ in used} == {1}
    assert torch.get_num_threads() == 2
    started_later = []
    thread = threading.Thread(target=lambda: started_later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert started_later == [2]


def test_results_are_in_order_and_errors_reach_the_caller() -> None:
    assert map_on_cores(lambda i: 2 * i, range(5)) == [0, 2, 4, 6, 8]
    with pytest.raises(ZeroDivisionError):
        map_on_cores(lambda i: 1 // i, [1, 0])


def test_all_callers_share_the_threads() -> None:
    names: list[str] = []

    def call() -> None:
        torch.set_num_threads(2)
        names.extend(name for _, name in map_on_cores(cores_used, range(4)))

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(names) == 16
    assert len(set(names)) <= 2


@pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)
def test_a_forked_process_starts_its_own_threads() -> None:
    map_on_cores(cores_used, range(2))
    context = multiprocessing.get_context("fork")
    queue = context.SimpleQueue()
    child = context.Process(target=lambda: queue.put(map_on_cores(lambda i: i + 1, [1, 2])))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert queue.get() == [2, 3]
