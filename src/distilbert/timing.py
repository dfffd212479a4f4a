"""How long calls take, measured in turns: noise of the machine meets all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from distilbert.runner import Runner

# Rounds before those that are measured: the first ones allocate memory and choose kernels.
WARM_UP = 2
# Fewer measurements have no quartiles.
FEWEST_ROUNDS = 3


def seconds_in_turns(
    calls: Sequence[Callable[[], object]],
    *,
    rounds: int,
    warm_up: int = WARM_UP,
    budget: float | None = None,
    wake: bool = False,
    clock: Callable[[], float] = time.perf_counter,
) -> list[list[float]]:
    """The seconds of each call in each round, in the order A B C A B C ....

    Args:
        rounds: at most this many, after `warm_up` rounds that are not kept.
        budget: start no further round after this many seconds, but do `FEWEST_ROUNDS` in any case.
        wake: call once more before each measurement, for calls of a few milliseconds: threads of
            the call before may still wait busily, and caches hold its weights.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    start = clock()
    for number in range(warm_up + rounds):
        is_spent = budget is not None and clock() - start >= budget
        if is_spent and number >= warm_up + FEWEST_ROUNDS:
            break
        for call, found in zip(calls, seconds, strict=True):
            if wake and number >= warm_up:
                call()
            begin = clock()
            call()
            if number >= warm_up:
                found.append(clock() - begin)
    return seconds


def median_seconds(
    runners: Sequence[Runner], batch: Mapping[str, np.ndarray], rounds: int
) -> list[float]:
    """The median seconds of a batch in each runner, over `rounds` measurements in turns."""
    calls = [lambda runner=runner: runner.run_batch(batch) for runner in runners]
    return [statistics.median(found) for found in seconds_in_turns(calls, rounds=rounds)]
