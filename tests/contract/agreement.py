"""One model of a leg against the float64 oracle: outputs, loss and every gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from contract.legs import Arrays, Leg
from contract.samples import facts_of, random_weights
from oracle.model import Result, run
from tolerances import GRADIENT, OUTPUT, assert_close

from distilbert import DistilBertConfig


def assert_agrees(
    leg: Leg,
    config: DistilBertConfig,
    head: str,
    inputs: Arrays,
    labels: Arrays | None = None,
    weights: Arrays | None = None,
) -> None:
    """Same outputs, attentions and hidden states; with labels also the loss and its gradients."""
    weights = weights or random_weights(config, head)
    model = leg.build(config, head, weights)
    expected = run(weights, facts_of(config, head), inputs, labels)
    flags = {"output_attentions": True, "output_hidden_states": True}
    assert_outputs(leg.outputs(model, {**inputs, **(labels or {})}, **flags), expected)
    if labels is not None:
        got = leg.gradients(model, {**inputs, **labels})
        untouched = set(expected.grads) - set(got)
        assert not set(got) - set(expected.grads)
        assert all(not expected.grads[name].any() for name in untouched), untouched
        for name, value in got.items():
            assert_close(value, expected.grads[name], GRADIENT, name)


def assert_outputs(got: dict[str, Any], expected: Result) -> None:
    assert set(got) == set(expected.outputs)
    for name, value in got.items():
        if isinstance(value, tuple):
            assert len(value) == len(expected.outputs[name]), name
            for layer, (one, other) in enumerate(zip(value, expected.outputs[name], strict=True)):
                assert_close(one, other, OUTPUT, f"{name}[{layer}]")
        else:
            assert_close(value, np.asarray(expected.outputs[name]), OUTPUT, name)
