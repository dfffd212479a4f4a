"""The oracle itself: equal to recorded reference values, its gradients to finite differences."""

from __future__ import annotations

import json

import numpy as np
import pytest
from oracle.model import Facts, run
from recorded import GOLDEN, HEADS, assert_output_is, named_arrays, read_arrays, read_json
from safetensors.numpy import load_file
from tolerances import FINITE_DIFFERENCE, GRADIENT, assert_close

SEQ_LOSSES = read_json("cases/pt_V_seq.json")["seq_losses"]
LABELS = ("labels", "start_positions", "end_positions")


def checkpoint(head: str) -> tuple[dict[str, np.ndarray], Facts]:
    folder = GOLDEN / "ckpt" / "V" / head
    config = json.loads((folder / "config.json").read_text())
    facts = Facts(HEADS[head], config["n_layers"], config["dim"] // config["n_heads"])
    return load_file(folder / "model.safetensors"), facts


def split_labels(arrays: dict[str, np.ndarray]) -> tuple[dict, dict | None]:
    labels = {name: arrays[name] for name in LABELS if name in arrays}
    both = "labels" in labels or len(labels) == 2
    inputs = {name: value for name, value in arrays.items() if name not in LABELS}
    return inputs, labels if both else None


def recorded_cases() -> list:
    return [
        pytest.param(head, case, id=f"{head}-{case['id']}")
        for head in HEADS
        for case in read_json(f"cases/pt_V_{head}.json")["cases"]
        if case["expect"]["kind"] == "mapping"
    ]


@pytest.mark.parametrize(("head", "case"), recorded_cases())
def test_outputs_and_losses_equal_the_reference(head: str, case: dict) -> None:
    weights, facts = checkpoint(head)
    file = f"cases/pt_V_{head}.npz"
    result = run(weights, facts, *split_labels(named_arrays(file, case["inputs"])))
    expect = case["expect"]
    outputs = {name: result.outputs[name] for name in expect["keys"]}
    outputs = {n: tuple(v) if isinstance(v, list) else v for n, v in outputs.items()}
    assert_output_is(outputs, expect, read_arrays(file))


@pytest.mark.parametrize("head", HEADS)
def test_every_gradient_equals_the_reference(head: str) -> None:
    weights, facts = checkpoint(head)
    file = f"cases/pt_V_{head}.npz"
    grads = read_json(f"cases/pt_V_{head}.json")["grads"]
    inputs, labels = split_labels(named_arrays(file, grads["inputs"]))
    result = run(weights, facts, inputs, labels)
    expected = named_arrays(file, grads["grads"])
    assert set(result.grads) == set(expected)
    for name, value in expected.items():
        assert_close(result.grads[name], value, GRADIENT, name)


@pytest.mark.parametrize(
    "case", read_json("cases/pt_V_seq.json")["seq_losses"], ids=lambda c: c["id"]
)
def test_each_problem_type_has_the_reference_loss(case: dict) -> None:
    file = "cases/pt_V_seq.npz"
    weights, facts = checkpoint("seq")
    weights |= named_arrays(file, {"classifier.weight": case["w"], "classifier.bias": case["b"]})
    facts = Facts(**{**vars(facts), "problem_type": case["load"].get("problem_type")})
    result = run(weights, facts, *split_labels(named_arrays(file, case["inputs"])))
    outputs = {name: result.outputs[name] for name in case["expect"]["keys"]}
    assert_output_is(outputs, case["expect"], read_arrays(file))


@pytest.mark.parametrize("head", HEADS)
def test_the_hand_written_gradient_is_the_slope_of_the_loss(head: str) -> None:
    weights, facts = checkpoint(head)
    weights = {name: value.astype(np.float64) for name, value in weights.items()}
    grads = read_json(f"cases/pt_V_{head}.json")["grads"]
    inputs, labels = split_labels(named_arrays(f"cases/pt_V_{head}.npz", grads["inputs"]))

    def loss(moved: dict[str, np.ndarray]) -> float:
        outputs = run(moved, facts, inputs, labels).outputs
        return outputs["loss"] if labels else (outputs["last_hidden_state"] ** 2).sum() / 10

    analytic = run(weights, facts, inputs, labels).grads
    generator, step = np.random.default_rng(0), 1e-5
    for name, grad in analytic.items():
        direction = generator.standard_normal(grad.shape)
        if name.endswith("word_embeddings.weight"):
            direction[facts.pad_token_id] = 0  # the lookup does not train that row
        ahead, behind = (
            loss(weights | {name: weights[name] + sign * step * direction}) for sign in (1, -1)
        )
        slope = (ahead - behind) / (2 * step)
        assert_close((grad * direction).sum(), slope, FINITE_DIFFERENCE, name)
