"""How long runners take for the same batch, measured in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence

import numpy as np

from distilbert.runner import Runner

# Rounds before those that are measured: the first ones allocate memory and choose kernels.
WARM_UP = 2


def median_seconds(
    runners: Sequence[Runner], batch: Mapping[str, np.ndarray], rounds: int
) -> list[float]:
    """The median seconds of a batch in each runner, over `rounds` measurements in turns."""
    seconds: list[list[float]] = [[] for _ in runners]
    for number in range(WARM_UP + rounds):
        for runner, found in zip(runners, seconds, strict=True):
            begin = time.perf_counter()
            runner.run_batch(batch)
            if number >= WARM_UP:
                found.append(time.perf_counter() - begin)
    return [statistics.median(found) for found in seconds]
