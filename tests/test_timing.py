"""Runners timed in turns."""

from __future__ import annotations

import time

import numpy as np
from stand_ins import ArithmeticRunner, small_config

from distilbert.timing import WARM_UP, median_seconds

BATCH = dict.fromkeys(("input_ids", "attention_mask"), np.ones((2, 4), int))


class Slow(ArithmeticRunner):
    def run_batch(self, batch, *, wanted=None):
        time.sleep(0.002)
        return super().run_batch(batch, wanted=wanted)


def test_every_runner_sees_each_batch_and_the_slow_one_takes_longer() -> None:
    runners = [kind("base", small_config()) for kind in (ArithmeticRunner, Slow)]
    quick, slow = median_seconds(runners, BATCH, 3)
    assert 0 < quick < slow
    assert slow >= 0.002
    assert [len(runner.batches) for runner in runners] == [WARM_UP + 3] * 2
