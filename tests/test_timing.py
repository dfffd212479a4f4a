"""Runners timed in turns."""

from __future__ import annotations

import time

import numpy as np
from stand_ins import ArithmeticRunner, small_config

from distilbert.timing import FEWEST_ROUNDS, WARM_UP, median_seconds, seconds_in_turns

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


def clock_of(seconds: list[float]):
    """A clock that shows the sum of what calls have appended."""
    return lambda: sum(seconds)


def test_calls_are_made_in_turns_and_warm_up_is_not_kept() -> None:
    order: list[str] = []
    passed: list[float] = []

    def call(name: str, seconds: float):
        return lambda: (order.append(name), passed.append(seconds))

    calls = [call("A", 1.0), call("B", 2.0), call("C", 4.0)]
    found = seconds_in_turns(calls, rounds=2, warm_up=1, clock=clock_of(passed))
    assert "".join(order) == "ABC" * 3
    assert found == [[1.0, 1.0], [2.0, 2.0], [4.0, 4.0]]


def test_calls_that_wake_are_made_twice_and_the_second_one_counts() -> None:
    order: list[str] = []
    passed: list[float] = []
    first_a, first_b = iter([9.0, 5.0, 1.0]), iter([9.0, 5.0, 2.0])
    calls = [
        lambda: (order.append("A"), passed.append(next(first_a))),
        lambda: (order.append("B"), passed.append(next(first_b))),
    ]
    options = {"rounds": 1, "warm_up": 1, "wake": True, "clock": clock_of(passed)}
    assert seconds_in_turns(calls, **options) == [[1.0], [2.0]]
    assert "".join(order) == "ABAABB"


def test_a_spent_budget_ends_the_measurement_after_the_fewest_rounds() -> None:
    passed: list[float] = []
    calls = [lambda: passed.append(1.0)]
    options = {"rounds": 100, "warm_up": 1, "clock": clock_of(passed)}
    assert len(seconds_in_turns(calls, budget=0.5, **options)[0]) == FEWEST_ROUNDS
    passed.clear()
    assert len(seconds_in_turns(calls, budget=10, **options)[0]) == 9
