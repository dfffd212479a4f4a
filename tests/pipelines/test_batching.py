"""Sorted batches within a budget, results in the order of the windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, strategies as st
from stand_ins import ArithmeticRunner, small_config

from distilbert.pipelines.batching import batches, pad, run_windows


@given(st.lists(st.integers(2, 64), max_size=60), st.integers(1, 300))
def test_batches_hold_every_window_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = list(batches(np.array(lengths, dtype=np.int64), budget))
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[i] for i in group)
        assert len(group) == 1 or len(group) * longest <= budget


def test_the_longest_windows_come_first() -> None:
    assert list(batches(np.array([3, 9, 5, 3]), 10)) == [[1], [2, 0], [3]]


def test_padding_is_masked() -> None:
    batch = pad([np.array([7, 8, 9]), np.array([5])], 1)
    assert batch["input_ids"].tolist() == [[7, 8, 9], [5, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]]
    assert {array.dtype for array in batch.values()} == {np.dtype(np.int64)}


def test_results_do_not_depend_on_the_budget() -> None:
    rng = np.random.default_rng(1)
    windows = [rng.integers(5, 60, size=n) for n in rng.integers(2, 60, size=40)]
    runner = ArithmeticRunner("sequence_classification", small_config())

    def keep(_: int, outputs: Any) -> np.ndarray:
        return outputs["logits"]

    one_by_one = run_windows(runner, windows, keep, batch_tokens=1)
    together = run_windows(runner, windows, keep, batch_tokens=512)
    assert np.allclose(one_by_one, together, atol=1e-6)
    assert len(runner.batches) < 40 + 40


def test_choices_are_scored_one_by_one() -> None:
    runner = ArithmeticRunner("multiple_choice", small_config())
    windows = [np.array([5, 6]), np.array([7, 8, 9])]
    logits = run_windows(runner, windows, lambda _, out: out["logits"], batch_tokens=99)
    assert [row.shape for row in logits] == [(1,), (1,)]
    assert runner.batches == [(2, 1, 3)]


def test_no_windows_need_no_model() -> None:
    runner = ArithmeticRunner("base", small_config())
    assert run_windows(runner, [], lambda _, out: out, batch_tokens=9) == []
    assert runner.batches == []
