"""One seed gives the same fresh model in every framework, down to its first step."""

from __future__ import annotations

import numpy as np
import pytest
from contract.legs import Leg, leg as leg_named
from contract.samples import some_inputs, some_labels, tiny_config
from tolerances import GRADIENT, OUTPUT, assert_close

from distilbert.checkpoint.init import initial_weights
from distilbert.heads import HEADS


@pytest.mark.parametrize("head", HEADS)
def test_the_same_seed_gives_the_same_weights_first_loss_and_gradients(leg: Leg, head: str) -> None:
    config = tiny_config(head, initializer_range=0.2)
    model = leg.seeded(config, head, 7)
    weights = leg.weights(model)
    for name, value in initial_weights(config, head, 7).items():
        assert np.array_equal(weights[name], value), name
    inputs = some_inputs(config, head)
    call = inputs | some_labels(config, head, inputs)
    first = leg_named("torch")
    reference = first.seeded(config, head, 7)
    expected = first.outputs(reference, call)
    for name, value in leg.outputs(model, call).items():
        assert_close(value, expected[name], OUTPUT, name)
    slopes = first.gradients(reference, call)
    got = leg.gradients(model, call)
    assert set(got) == set(slopes)
    for name, value in got.items():
        assert_close(value, slopes[name], GRADIENT, name)


def test_another_seed_gives_another_model(leg: Leg) -> None:
    config = tiny_config()
    one, other = (leg.weights(leg.seeded(config, "base", seed)) for seed in (7, 8))
    name = "transformer.layer.1.ffn.lin2.weight"
    assert not np.allclose(one[name], other[name])
