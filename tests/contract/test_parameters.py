"""Claims 1 and 11: parameters are those of the spec, and tied ones stay one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from contract.legs import Leg
from contract.samples import random_weights, some_inputs, some_labels, tiny_config

from distilbert.checkpoint.init import sinusoid_table
from distilbert.checkpoint.spec import parameter_spec
from distilbert.heads import HEADS

WORDS = "distilbert.embeddings.word_embeddings.weight"
PROJECTOR = "vocab_projector.weight"
VARIANTS = {
    "plain": {},
    "sinusoidal": {"sinusoidal_pos_embds": True},
    "untied": {"tie_word_embeddings": False},
    "pruned": {"pruned_heads": {0: [1, 2], 1: [3]}},
    "no-layers": {"n_layers": 0},
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("head", HEADS)
def test_names_order_and_shapes_equal_the_spec(leg: Leg, head: str, variant: str) -> None:
    config = tiny_config(head, **VARIANTS[variant])
    built = leg.weights(leg.build(config, head))
    expected = [(row.name, row.shape) for row in parameter_spec(config, head)]
    assert [(name, value.shape) for name, value in built.items()] == expected


@pytest.mark.parametrize("head", HEADS)
def test_weights_given_by_canonical_name_are_the_weights_held(leg: Leg, head: str) -> None:
    config = tiny_config(head)
    given = random_weights(config, head)
    held = leg.weights(leg.build(config, head, given))
    for name, value in given.items():
        assert np.array_equal(held[name], value), name


@pytest.mark.parametrize("head", HEADS)
def test_initial_weights_follow_the_rules_of_their_kind(leg: Leg, head: str) -> None:
    config = tiny_config(head, pad_token_id=3, initializer_range=0.05)
    built = leg.weights(leg.build(config, head))
    for row in parameter_spec(config, head):
        value = built[row.name]
        if row.kind == "scale":
            assert (value == 1).all(), row.name
        elif row.kind in ("bias", "shift"):
            assert (value == 0).all(), row.name
        elif value.size > 500:
            assert 0.04 < value.std() < 0.06, row.name
        if row.kind == "word":
            assert (value[3] == 0).all()
            assert np.count_nonzero((value == 0).all(-1)) == 1


def test_a_fresh_sinusoidal_model_holds_the_table(leg: Leg) -> None:
    """Flaw 1 of the reference: its generic initialisation overwrites the table."""
    config = tiny_config(sinusoidal_pos_embds=True)
    held = leg.weights(leg.build(config, "base"))["embeddings.position_embeddings.weight"]
    position, column = np.indices(held.shape)
    angle = position / 10000 ** (2 * (column // 2) / config.dim)
    expected = np.where(column % 2, np.cos(angle), np.sin(angle)).astype(np.float32)
    assert np.array_equal(held, expected)
    assert np.array_equal(sinusoid_table(*held.shape), expected)


@pytest.mark.parametrize("form", ["safetensors", "bin", "h5", "msgpack"])
def test_tied_weights_stay_tied_after_load_and_after_a_step(
    leg: Leg, tmp_path: Path, form: str
) -> None:
    config = tiny_config("masked_lm")
    leg.save(leg.build(config, "masked_lm", random_weights(config, "masked_lm")), tmp_path, form)
    model = leg.load("masked_lm", tmp_path, form)
    before = leg.weights(model)
    assert np.array_equal(before[PROJECTOR], before[WORDS])
    inputs = some_inputs(config, "masked_lm")
    leg.descend(model, inputs | some_labels(config, "masked_lm", inputs))
    after = leg.weights(model)
    assert np.array_equal(after[PROJECTOR], after[WORDS])
    assert not np.array_equal(after[WORDS], before[WORDS])


def test_untied_weights_go_their_own_way(leg: Leg) -> None:
    config = tiny_config("masked_lm", tie_word_embeddings=False)
    given = random_weights(config, "masked_lm")
    model = leg.build(config, "masked_lm", given)
    assert not np.array_equal(given[PROJECTOR], given[WORDS])
    inputs = some_inputs(config, "masked_lm")
    leg.descend(model, inputs | some_labels(config, "masked_lm", inputs))
    after = leg.weights(model)
    projector, words = (after[name] - given[name] for name in (PROJECTOR, WORDS))
    assert not np.allclose(projector, words)
