"""Claim 13: float16 and bfloat16 stay near float32, whatever the mask."""

from __future__ import annotations

import numpy as np
import pytest
from contract.legs import Leg
from contract.samples import random_weights, some_inputs, tiny_config
from tolerances import HALF, assert_close

from distilbert.heads import HEADS


@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize("head", HEADS)
def test_half_precision_is_near_and_finite(leg: Leg, head: str, dtype: str) -> None:
    config = tiny_config(head)
    weights = {name: value * 0.4 for name, value in random_weights(config, head).items()}
    model = leg.build(config, head, weights)
    inputs = some_inputs(config, head)
    inputs["attention_mask"][1] = 0  # a row without a visible key must not become nan
    exact = leg.outputs(model, inputs)
    for name, value in leg.outputs(leg.in_half(model, dtype), inputs).items():
        assert np.isfinite(value).all()
        assert_close(value, exact[name], HALF[dtype], name)
