"""How alike two runners answer."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.quantizing.agreement import (
    SAMPLE_TOKENS,
    batches_of,
    error_of,
    measure_agreement,
    sample_of,
    visible_outputs,
)

SEQUENCES = [np.array([2, 7, 9, 11, 3]), np.array([2, 8, 3]), np.array([2, 12, 13, 3])]


class Changed(ArithmeticRunner):
    """Outputs times a number, plus another one for the first label or feature."""

    factor, first = 1.0, 0.0

    def run_batch(self, batch, *, wanted=None):
        found = super().run_batch(batch, wanted=wanted)
        return {name: self._change(a) for name, a in found.items()}

    def _change(self, array):
        array = array * self.factor
        if array.ndim > 1 and self.first:
            array[..., 0] += self.first
        return array


def pair(head: str, **changes):
    config = small_config(**changes)
    return ArithmeticRunner(head, config), Changed(head, config)


HEADS = ("base", "masked_lm", "sequence_classification", "token_classification")


@pytest.mark.parametrize("head", [*HEADS, "question_answering", "multiple_choice"])
def test_equal_models_agree_whatever_the_padding(head: str) -> None:
    found = measure_agreement(*pair(head), SEQUENCES, pad_id=0)
    assert (found.n_sequences, found.difference) == (3, 0)
    assert found.same == (None if head in ("base", "multiple_choice") else 1)
    assert found.cosine == (pytest.approx(1) if head == "base" else None)


def test_a_factor_is_the_difference_and_changes_no_decision() -> None:
    first, second = pair("token_classification")
    second.factor = 1.1
    found = measure_agreement(first, second, SEQUENCES, pad_id=0)
    assert found.difference == pytest.approx(0.1)
    assert found.same == 1


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, 0.0),
        ({"problem_type": "multi_label_classification", "num_labels": 4}, 0.0),
        ({"problem_type": "regression", "num_labels": 1}, None),
    ],
)
def test_opposite_logits_decide_otherwise_and_values_decide_nothing(changes, same) -> None:
    first, second = pair("sequence_classification", **changes)
    second.factor = -1.0
    found = measure_agreement(first, second, SEQUENCES, pad_id=0)
    assert (found.same, found.difference) == (same, pytest.approx(2))


def test_each_of_several_labels_is_a_decision() -> None:
    several = {"problem_type": "multi_label_classification", "num_labels": 4}
    first, second = pair("sequence_classification", **several)
    first = Changed("sequence_classification", first.config)
    first.first, second.first = 1e6, -1e6
    assert measure_agreement(first, second, SEQUENCES, pad_id=0).same == pytest.approx(0.75)


def test_padding_is_not_an_output() -> None:
    runner = ArithmeticRunner("base", small_config())
    batch = next(batches_of(SEQUENCES, "base", pad_id=0, batch_tokens=100))
    assert visible_outputs(runner, batch)["last_hidden_state"].shape == (12, 32)
    rows = visible_outputs(ArithmeticRunner("sequence_classification", small_config()), batch)
    assert rows["logits"].shape == (3, 2)


def test_choices_are_rows_of_one_choice() -> None:
    batch = next(batches_of(SEQUENCES, "multiple_choice", pad_id=0, batch_tokens=100))
    assert batch["input_ids"].shape == (3, 1, 5)


def test_errors_are_sums_over_all_outputs() -> None:
    first = {"a": np.array([1.0, 2.0]), "b": np.array([3.0])}
    second = {"a": np.array([1.0, 0.0]), "b": np.array([4.0])}
    np.testing.assert_allclose(error_of(first, second), [5, 14])


def test_a_sample_is_drawn_by_its_seed_and_has_at_least_one_sequence() -> None:
    many = [np.full(100, i) for i in range(50)]
    first, again, other = (sample_of(many, seed=seed) for seed in (1, 1, 2))
    assert len(first) == SAMPLE_TOKENS // 100
    assert [ids[0] for ids in first] == [ids[0] for ids in again] != [ids[0] for ids in other]
    assert len(sample_of([np.zeros(5000, int)], seed=0)) == 1


def test_an_agreement_is_plain_values() -> None:
    found = dataclasses.asdict(measure_agreement(*pair("base"), SEQUENCES, pad_id=0))
    assert {type(value) for value in found.values()} <= {int, float, type(None)}
