"""Claims 7 and 8: evaluation repeats itself, and what a call may return beside its answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from contract.legs import Leg
from contract.samples import random_weights, some_inputs, tiny_config

from distilbert.heads import HEADS

EXTRA = {"output_hidden_states": True, "output_attentions": True}
DROPOUT = {
    "dropout": 0.3,
    "attention_dropout": 0.3,
    "qa_dropout": 0.3,
    "seq_classif_dropout": 0.3,
}


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("head", HEADS)
def test_evaluation_is_deterministic_and_training_is_random_by_seed(leg: Leg, head: str) -> None:
    config = tiny_config(head, **DROPOUT)
    model = leg.build(config, head, random_weights(config, head))
    inputs = some_inputs(config, head)
    assert same(leg.outputs(model, inputs, seed=1), leg.outputs(model, inputs, seed=2))
    one, again, other = (leg.outputs(model, inputs, train=True, seed=seed) for seed in (1, 1, 2))
    assert same(one, again)
    assert not same(one, other)


@pytest.mark.parametrize("head", HEADS)
def test_hidden_states_are_one_more_than_layers_and_attention_rows_sum_to_one(
    leg: Leg, head: str
) -> None:
    config = tiny_config(head, n_layers=3)
    model = leg.build(config, head, random_weights(config, head))
    inputs = some_inputs(config, head)
    rows, length = inputs["input_ids"].size // 9, 9
    answer = leg.outputs(model, inputs, **EXTRA)
    assert list(answer)[-2:] == ["hidden_states", "attentions"]
    assert [state.shape for state in answer["hidden_states"]] == [(rows, length, 32)] * 4
    assert [part.shape for part in answer["attentions"]] == [(rows, 4, length, length)] * 3
    for part in answer["attentions"]:
        np.testing.assert_allclose(part.sum(-1), 1, atol=1e-5)
    if head == "base":
        assert np.array_equal(answer["hidden_states"][-1], answer["last_hidden_state"])


@pytest.mark.parametrize("head", HEADS)
def test_asking_for_extras_does_not_change_the_answer(leg: Leg, head: str) -> None:
    """Probabilities may come from another attention path; trap c of SDPA is an empty tuple."""
    config = tiny_config(head)
    model = leg.build(config, head, random_weights(config, head))
    inputs = some_inputs(config, head)
    plain, full = leg.outputs(model, inputs), leg.outputs(model, inputs, **EXTRA)
    for name, value in plain.items():
        np.testing.assert_allclose(full[name], value, atol=5e-6, rtol=5e-6)
    assert len(full["attentions"]) == config.n_layers


@pytest.mark.parametrize("head", HEADS)
def test_a_tuple_holds_the_same_values_in_the_same_order(leg: Leg, head: str) -> None:
    config = tiny_config(head)
    model = leg.build(config, head, random_weights(config, head))
    inputs = some_inputs(config, head)
    named = leg.outputs(model, inputs, **EXTRA)
    plain = leg.outputs(model, inputs, return_dict=False, **EXTRA)
    assert isinstance(plain, tuple)
    assert len(plain) == len(named)
    for value, (name, expected) in zip(plain, named.items(), strict=True):
        assert np.array_equal(value, expected), name


def test_attentions_hold_the_probabilities_after_the_head_mask(leg: Leg) -> None:
    config = tiny_config()
    model = leg.build(config, "base", random_weights(config, "base"))
    gate = np.array([1, 0, 0.5, 2], np.float32)
    inputs = some_inputs(config, "base") | {"head_mask": gate}
    for part in leg.outputs(model, inputs, output_attentions=True)["attentions"]:
        np.testing.assert_allclose(part.sum(-1)[0].mean(-1), gate, atol=1e-5)
