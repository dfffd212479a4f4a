"""Claims 5, 6 and 14: padding, company in the batch and odd lengths change no answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from contract.agreement import assert_agrees
from contract.legs import Leg
from contract.samples import facts_of, random_weights, some_inputs, tiny_config
from oracle.model import run
from tolerances import REORDERED, assert_close

from distilbert import DistilBertConfig
from distilbert.heads import HEADS

TOKEN_OUTPUTS = ("last_hidden_state", "start_logits", "end_logits")


def built(leg: Leg, head: str, **changes: Any) -> tuple[DistilBertConfig, Any]:
    config = tiny_config(head, **changes)
    return config, leg.build(config, head, random_weights(config, head))


def per_token(head: str, name: str) -> bool:
    heads = ("masked_lm", "token_classification")
    return name in TOKEN_OUTPUTS or (name == "logits" and head in heads)


@pytest.mark.parametrize("head", HEADS)
def test_padding_changes_no_valid_output(leg: Leg, head: str) -> None:
    config, model = built(leg, head)
    ids = some_inputs(config, head, length=7)["input_ids"]
    whole = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
    alone = leg.outputs(model, whole)
    for filler, n_pads in ((config.pad_token_id, 1), (57, 9)):
        sides = [(0, 0)] * (ids.ndim - 1) + [(0, n_pads)]
        padded = leg.outputs(
            model,
            {
                "input_ids": np.pad(ids, sides, constant_values=filler),
                "attention_mask": np.pad(whole["attention_mask"], sides),
            },
        )
        for name, value in padded.items():
            valid = value[:, : ids.shape[-1]] if per_token(head, name) else value
            assert_close(valid, alone[name], REORDERED, name)


@pytest.mark.parametrize("head", HEADS)
def test_an_example_has_the_same_answer_alone_and_in_any_order(leg: Leg, head: str) -> None:
    config, model = built(leg, head)
    inputs = some_inputs(config, head, batch=5)
    together = leg.outputs(model, inputs)
    order = np.array([3, 0, 4, 2, 1])
    shuffled = leg.outputs(model, {name: value[order] for name, value in inputs.items()})
    single = leg.outputs(model, {name: value[2:3] for name, value in inputs.items()})
    for name, value in together.items():
        assert_close(shuffled[name], value[order], REORDERED, name)
        assert_close(single[name], value[2:3], REORDERED, name)


@pytest.mark.parametrize("length", [1, 512])
@pytest.mark.parametrize("head", HEADS)
def test_the_shortest_and_the_longest_input_equal_the_oracle(
    leg: Leg, head: str, length: int
) -> None:
    config = tiny_config(head, max_position_embeddings=512, dim=16, hidden_dim=16)
    assert_agrees(leg, config, head, some_inputs(config, head, batch=2, length=length))


@pytest.mark.parametrize("head", HEADS)
def test_an_empty_batch_gives_empty_outputs(leg: Leg, head: str) -> None:
    config, model = built(leg, head)
    inputs = some_inputs(config, head)
    full = leg.outputs(model, inputs)
    empty = leg.outputs(model, {name: value[:0] for name, value in inputs.items()})
    for name, value in full.items():
        assert empty[name].shape == (0, *value.shape[1:]), name


@pytest.mark.parametrize("head", HEADS)
def test_a_row_of_nothing_but_padding_attends_evenly_and_stays_finite(leg: Leg, head: str) -> None:
    config = tiny_config(head)
    inputs = some_inputs(config, head)
    inputs["attention_mask"][1] = 0
    assert_agrees(leg, config, head, inputs)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int64, np.uint8, np.bool_])
def test_the_mask_may_have_any_type(leg: Leg, dtype: type) -> None:
    config, model = built(leg, "base")
    inputs = some_inputs(config, "base")
    expected = leg.outputs(model, inputs)["last_hidden_state"]
    inputs["attention_mask"] = inputs["attention_mask"].astype(dtype)
    assert np.array_equal(leg.outputs(model, inputs)["last_hidden_state"], expected)


def test_any_mask_value_but_zero_means_visible(leg: Leg) -> None:
    config, model = built(leg, "base")
    inputs = some_inputs(config, "base")
    odd = inputs["attention_mask"] * np.array([0.5, 2.0, -3.0], np.float32)[:, None]
    plain, other = (
        leg.outputs(model, inputs | {"attention_mask": mask})["last_hidden_state"]
        for mask in (inputs["attention_mask"], odd)
    )
    assert np.array_equal(plain, other)


def test_a_hole_in_the_mask_hides_only_that_key(leg: Leg) -> None:
    config, model = built(leg, "base")
    inputs = some_inputs(config, "base")
    inputs["attention_mask"][:, 2] = 0
    attentions = leg.outputs(model, inputs, output_attentions=True)["attentions"]
    for layer in attentions:
        assert (layer[..., 2] == 0).all()
        assert (layer[..., 0] > 0).all()


def test_an_input_of_int32_ids_is_an_input_of_int64_ids(leg: Leg) -> None:
    config, model = built(leg, "base")
    inputs = some_inputs(config, "base")
    narrow = {name: value.astype(np.int32) for name, value in inputs.items()}
    for name, value in leg.outputs(model, inputs).items():
        assert np.array_equal(leg.outputs(model, narrow)[name], value)


def test_the_oracle_too_ignores_padding() -> None:
    """Guards the suite: an oracle that looked at padding would make the claims above empty."""
    config = tiny_config()
    weights = random_weights(config, "base")
    inputs = some_inputs(config, "base")
    other = np.where(inputs["attention_mask"] == 1, inputs["input_ids"], 55)
    first, second = (
        run(weights, facts_of(config, "base"), inputs | {"input_ids": ids}).outputs
        for ids in (inputs["input_ids"], other)
    )
    visible = inputs["attention_mask"] == 1
    np.testing.assert_allclose(
        first["last_hidden_state"][visible], second["last_hidden_state"][visible], rtol=1e-12
    )


@pytest.mark.parametrize("head", HEADS)
def test_positions_counted_from_zero_are_the_default_and_others_act(leg: Leg, head: str) -> None:
    config, model = built(leg, head)
    inputs = some_inputs(config, head)
    expected = leg.outputs(model, inputs)
    counted = np.arange(9)
    rows = np.broadcast_to(counted, inputs["input_ids"].shape)
    for positions in (counted, counted[None], rows):
        got = leg.outputs(model, inputs | {"position_ids": np.array(positions)})
        for name, value in expected.items():
            assert_close(got[name], value, REORDERED, name)
    moved = leg.outputs(model, inputs | {"position_ids": counted + 3})
    assert all(not np.allclose(moved[name], value) for name, value in expected.items())


def test_a_sequence_behind_another_one_in_a_row_has_the_states_it_has_alone(leg: Leg) -> None:
    """Packed rows: the mask shows one sequence, whose positions begin at 0. Rows may be longer than
    the table of positions."""
    config, model = built(leg, "base", max_position_embeddings=7)
    ids = some_inputs(config, "base", batch=1, length=7)["input_ids"]
    alone = leg.outputs(model, {"input_ids": ids[:, 3:]})["last_hidden_state"]
    packed = {
        "input_ids": np.concatenate([ids, ids[:, 3:]], 1),
        "attention_mask": np.array([[0] * 7 + [1] * 4]),
        "position_ids": np.array([*range(7), *range(4)]),
    }
    states = leg.outputs(model, packed)["last_hidden_state"]
    assert_close(states[:, 7:], alone, REORDERED, "last_hidden_state")
