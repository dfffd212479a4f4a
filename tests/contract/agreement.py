"""One model of a leg against the float64 oracle: outputs, loss and every gradient.

Plainly and with all extras, since a framework may compute attention in another way (fused kernels
cannot return probabilities).
"""

from __future__ import annotations

from collections.abc import Sequence

from contract.legs import Arrays, Leg
from contract.samples import facts_of, random_weights
from oracle.model import run
from tolerances import GRADIENT, OUTPUT, assert_close

from distilbert import DistilBertConfig

EXTRA = ("hidden_states", "attentions")


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
    call = {**inputs, **(labels or {})}
    assert_outputs(leg.outputs(model, call), expected.outputs, left_out=EXTRA)
    extra = leg.outputs(model, call, **{f"output_{name}": True for name in EXTRA})
    assert_outputs(extra, expected.outputs)
    if labels is not None:
        got = leg.gradients(model, {**inputs, **labels})
        untouched = set(expected.grads) - set(got)
        assert not set(got) - set(expected.grads)
        assert all(not expected.grads[name].any() for name in untouched), untouched
        for name, value in got.items():
            assert_close(value, expected.grads[name], GRADIENT, name)


def assert_outputs(got: Arrays, expected: Arrays, left_out: Sequence[str] = ()) -> None:
    assert set(got) == set(expected) - set(left_out)
    for name, value in got.items():
        if isinstance(value, tuple):
            assert len(value) == len(expected[name]), name
            for layer, (one, other) in enumerate(zip(value, expected[name], strict=True)):
                assert_close(one, other, OUTPUT, f"{name}[{layer}]")
        else:
            assert_close(value, expected[name], OUTPUT, name)
