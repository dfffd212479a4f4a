"""Sorted batches within a budget, results in the order of the windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from stand_ins import ArithmeticRunner, small_config

from distilbert.batching import BatchPlan, pad_sequences, padded_batch, run_windows
from distilbert.errors import CheckpointError


@given(st.lists(st.integers(2, 64), max_size=60), st.integers(1, 300))
def test_batches_hold_every_window_once_within_the_budget(lengths: list[int], budget: int) -> None:
    groups = [group.tolist() for group in BatchPlan.by_length(lengths, budget)]
    assert sorted(i for group in groups for i in group) == list(range(len(lengths)))
    for group in groups:
        longest = max(lengths[i] for i in group)
        assert len(group) == 1 or len(group) * longest <= budget


def test_the_longest_windows_come_first() -> None:
    assert [b.tolist() for b in BatchPlan.by_length([3, 9, 5, 3], 10)] == [[1], [2, 0], [3]]


def test_padding_is_masked() -> None:
    batch = padded_batch([np.array([7, 8, 9]), np.array([5])], pad_id=1)
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


def test_only_the_outputs_at_the_wanted_positions_are_returned() -> None:
    windows = [np.array([5, 6, 7]), np.array([8, 9]), np.array([10, 11, 12, 13])]
    positions = [np.array([1]), np.array([], dtype=np.int64), np.array([0, 3])]
    runner = ArithmeticRunner("masked_lm", small_config())
    full = run_windows(runner, windows, lambda _, out: out["logits"])
    some = run_windows(runner, windows, lambda _, out: out["logits"], positions=positions)
    for everything, chosen, rows in zip(full, some, positions, strict=True):
        assert np.array_equal(chosen, everything[rows])


def test_sequences_are_filled_on_the_right() -> None:
    assert pad_sequences([np.array([1, 2]), np.array([3])], -100).tolist() == [[1, 2], [3, -100]]
    assert pad_sequences([np.array([1])], 0, length=3).tolist() == [[1, 0, 0]]
    assert pad_sequences([], 0).shape == (0, 0)


def test_answers_that_are_no_numbers_are_an_error() -> None:
    config = small_config()
    row = [float("nan")] * config.num_labels
    runner = ArithmeticRunner("sequence_classification", config, overrides={2: row})
    with pytest.raises(CheckpointError, match=r"`logits` has values that are not a number \(NaN\)"):
        run_windows(runner, [np.array([2, 7, 3])], lambda _, outputs: outputs)
