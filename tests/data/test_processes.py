"""Worker processes return the results in order, their errors, and what ended them."""

from __future__ import annotations

import math
import os
import signal
from operator import neg

import pytest

from distilbert.data.processes import in_processes, n_processors
from distilbert.errors import TrainingError


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(in_processes(neg, range(20), processes=2)) == [-n for n in range(20)]


def test_without_items_no_worker_is_started() -> None:
    assert list(in_processes(neg, [], processes=3)) == []


def test_items_are_taken_only_as_results_are_used() -> None:
    taken: list[int] = []
    results = in_processes(neg, (taken.append(n) or n for n in range(99)), processes=1)
    assert [next(results), next(results)] == [0, -1]
    assert len(taken) < 8
    results.close()  # type: ignore[attr-defined]


def test_an_error_of_the_function_is_raised_here() -> None:
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        list(in_processes(math.sqrt, [4.0, -1.0], processes=1))


def test_what_the_function_prints_does_not_mix_with_results() -> None:
    assert list(in_processes(print, ["x"], processes=1)) == [None]


@pytest.mark.skipif(os.name == "nt", reason="no such signal")
def test_a_process_that_is_killed_is_reported() -> None:
    with pytest.raises(TrainingError, match="one ended with status -9"):
        list(in_processes(signal.raise_signal, [signal.SIGKILL], processes=1))


def test_there_is_a_processor() -> None:
    assert n_processors() >= 1
