"""Threads of one batch: what is asked for, what a process may use, and threads that share it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from exports import tiny_source

from distilbert import export, pipeline, threads
from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.threads import asked_threads, check_threads, fitting_threads, torch_threads


def test_a_number_of_threads_is_an_integer_from_one_on() -> None:
    for right in (None, 1, 64):
        check_threads(right)
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(InputError, match="`num_threads` must be an integer >= 1: got"):
            check_threads(wrong)


@pytest.mark.parametrize(
    ("value", "found"), [("3", 3), (" 2,1 ", 2), ("", None), ("0", None), ("all", None)]
)
def test_the_variable_counts_where_nothing_is_asked_for(monkeypatch, value, found) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert asked_threads(None) == found
    assert asked_threads(5) == 5


def test_a_process_with_fewer_cores_takes_no_more_threads(monkeypatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(threads.os, "cpu_count", lambda: 8)
    monkeypatch.setattr(threads, "usable_cores", lambda: 2)
    assert fitting_threads(None) == 2
    assert fitting_threads(None, usual=2) is None
    assert fitting_threads(4) == 4
    monkeypatch.setattr(threads, "usable_cores", lambda: 8)
    assert fitting_threads(None) is None


def test_a_number_set_in_a_program_counts_more_than_the_variable(monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(threads, "usable_cores", lambda: 4)
    assert fitting_threads(None, usual=3) is None
    assert fitting_threads(None, usual=8) == 4
    assert fitting_threads(None, usual=1) == 1


def test_numbers_of_threads_hold_where_they_are_asked_for_and_at_the_same_time() -> None:
    before, meet = torch.get_num_threads(), threading.Barrier(2, timeout=20)

    def seen(number: int) -> tuple[int, int]:
        usual = torch.get_num_threads()
        with torch_threads(torch, number):
            meet.wait()  # both are inside
            found = torch.get_num_threads()
            meet.wait()
        return found, torch.get_num_threads() - usual

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(seen, (1, 3))) == [(1, 0), (3, 0)]
    assert torch.get_num_threads() == before
    with torch_threads(torch, None):
        assert torch.get_num_threads() == before


@pytest.mark.parametrize("numbers", [(1, 2), (2, 1)])
def test_two_runners_of_one_process_keep_their_numbers(
    tmp_path: Path, monkeypatch, numbers
) -> None:
    source, used = tiny_source(tmp_path / "m", "base"), []
    pipes = [pipeline("sentence-embedding", source, num_threads=n) for n in numbers]
    count = torch.nn.functional.embedding

    def counted(*given: Any, **more: Any) -> Any:
        used.append(torch.get_num_threads())
        return count(*given, **more)

    monkeypatch.setattr(torch.nn.functional, "embedding", counted)
    before = torch.get_num_threads()
    for pipe in (*pipes, pipes[0]):
        pipe("the cat")
    assert [n for i, n in enumerate(used) if i == 0 or n != used[i - 1]] == [*numbers, numbers[0]]
    assert torch.get_num_threads() == before


@pytest.mark.parametrize("runtime", [None, "onnx", "openvino", "torchscript"])
def test_threads_share_runners_of_all_heads(tmp_path: Path, runtime: str | None) -> None:
    """Eight threads, and each computes with every head, while others do."""
    runners = {}
    for head in HEADS:
        folder = tiny_source(tmp_path / head, head)
        if runtime is not None:
            folder = export(folder, tmp_path / f"{head}-{runtime}", to=runtime).folder
        task = HEADS[head].task or "feature-extraction"
        runners[head] = pipeline(task, folder, runtime=runtime, num_threads=1).runner
    drawn = np.random.default_rng(0)

    def batch_of(head: str, length: int) -> dict[str, np.ndarray]:
        shape = (2, 3, length) if head == "multiple_choice" else (2, length)
        return {"input_ids": drawn.integers(1, 20, shape)}

    jobs = [(head, batch_of(head, n)) for n in (3, 9, 17) for head in HEADS]

    def answer(job: tuple[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return runners[job[0]].run_batch(job[1])

    with ThreadPoolExecutor(8) as pool:  # first of all: threads also prepare a runner together
        found = list(pool.map(answer, jobs * 8))
    expected = [answer(job) for job in jobs] * 8
    for one, other in zip(found, expected, strict=True):
        for name, array in one.items():
            np.testing.assert_allclose(array, other[name], atol=1e-6)
