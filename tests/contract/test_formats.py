"""Claim 10: what one framework saves in any format, every framework loads, to the last bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from contract.legs import LEGS, Leg, leg as leg_named
from contract.samples import random_weights, some_inputs, tiny_config
from tolerances import OUTPUT, Tolerance, assert_close

from distilbert.heads import HEADS

FORMS = ("safetensors", "bin", "h5", "msgpack")
WEIGHTS_FILE = {
    "safetensors": "model.safetensors",
    "bin": "pytorch_model.bin",
    "h5": "tf_model.h5",
    "msgpack": "flax_model.msgpack",
}


@pytest.mark.parametrize("reader", LEGS)
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("head", HEADS)
def test_saved_and_loaded_weights_are_bit_equal(
    leg: Leg, head: str, form: str, reader: str, tmp_path: Path
) -> None:
    config = tiny_config(head)
    written = leg.build(config, head, random_weights(config, head))
    leg.save(written, tmp_path, form)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", WEIGHTS_FILE[form]}
    other = leg_named(reader)
    read = other.load(head, tmp_path, form)
    expected, got = leg.weights(written), other.weights(read)
    assert list(got) == list(expected)
    for name, value in expected.items():
        assert np.array_equal(got[name], value), name
    inputs = some_inputs(config, head)
    # Bit-equal weights; two frameworks still round in their own ways.
    tolerance = Tolerance(1e-6, relative=1e-7) if other is leg else OUTPUT
    for name, value in leg.outputs(written, inputs).items():
        assert_close(other.outputs(read, inputs)[name], value, tolerance, name)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "changes",
    [
        {"tie_word_embeddings": False},
        {"pruned_heads": {0: [0, 3], 1: [1]}},
        {"sinusoidal_pos_embds": True},
        {"n_layers": 11},  # two digits: a layer sorted as text would take another's place
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_unusual_configs_survive_every_format(
    leg: Leg, form: str, changes: dict, tmp_path: Path
) -> None:
    config = tiny_config("masked_lm", **changes)
    written = leg.build(config, "masked_lm", random_weights(config, "masked_lm"))
    leg.save(written, tmp_path, form)
    read = leg.load("masked_lm", tmp_path, form)
    stamped = dict.fromkeys(("architectures", "torch_dtype", "_name_or_path"))  # by saving
    assert read.config.to_dict() | stamped == config.to_dict() | stamped
    for name, value in leg.weights(written).items():
        assert np.array_equal(leg.weights(read)[name], value), name
