"""Claims 3 and 4: outputs, losses and every gradient equal the float64 oracle."""

from __future__ import annotations

from collections.abc import Iterator

import jax_optimized
import numpy as np
import pytest
from contract.agreement import assert_agrees
from contract.legs import Leg
from contract.samples import as_embeddings, some_inputs, some_labels, tiny_config

from distilbert.heads import HEADS

HEAD_MASKS = {
    "per-head": np.array([1.0, 0.0, 0.5, 2.0], np.float32),
    "per-layer": np.array([[1, 0, 1, 0.25], [0.5, 1, 0, 1]], np.float32),
}


@pytest.fixture(scope="module", autouse=True)
def fully_optimized() -> Iterator[None]:
    """As users run it."""
    with jax_optimized.fully_optimized():
        yield


@pytest.mark.parametrize("head", HEADS)
def test_outputs_loss_and_gradients_equal_the_oracle(leg: Leg, head: str) -> None:
    config = tiny_config(head)
    inputs = some_inputs(config, head)
    assert_agrees(leg, config, head, inputs, some_labels(config, head, inputs))


@pytest.mark.parametrize("head", HEADS)
def test_without_a_mask_every_position_is_visible(leg: Leg, head: str) -> None:
    config = tiny_config(head)
    inputs = {"input_ids": some_inputs(config, head)["input_ids"]}
    assert_agrees(leg, config, head, inputs)


@pytest.mark.parametrize("head", HEADS)
def test_embeddings_in_place_of_ids_equal_the_oracle(leg: Leg, head: str) -> None:
    config = tiny_config(head)
    inputs = some_inputs(config, head)
    labels = some_labels(config, head, inputs)
    assert_agrees(leg, config, head, as_embeddings(inputs, config), labels)


@pytest.mark.parametrize("kind", HEAD_MASKS)
@pytest.mark.parametrize("head", HEADS)
def test_head_masks_equal_the_oracle(leg: Leg, head: str, kind: str) -> None:
    config = tiny_config(head)
    inputs = some_inputs(config, head)
    labels = some_labels(config, head, inputs)
    assert_agrees(leg, config, head, inputs | {"head_mask": HEAD_MASKS[kind]}, labels)


@pytest.mark.parametrize(
    ("changes", "labels"),
    [
        ({"num_labels": 1}, np.array([0.5, -1.0, 2.0], np.float32)),
        ({"num_labels": 1}, np.array([[0.5], [-1.0], [2.0]], np.float32)),
        ({"num_labels": 2, "problem_type": "regression"}, np.ones((3, 2), np.float32)),
        ({"num_labels": 4}, np.array([1, 0, 3])),
        ({"num_labels": 4}, np.array([[1], [0], [3]])),
        ({"num_labels": 4}, np.array([1, 0, 3], np.int32)),
        ({"num_labels": 4}, np.eye(3, 4, dtype=np.float32)),
        ({"problem_type": "multi_label_classification"}, np.eye(3, 5, dtype=np.float32)),
    ],
)
def test_each_problem_type_equals_the_oracle(leg: Leg, changes: dict, labels: np.ndarray) -> None:
    """int32 labels too: the reference calls them classes and then fails on them (flaw 10)."""
    head = "sequence_classification"
    config = tiny_config(head, **changes)
    assert_agrees(leg, config, head, some_inputs(config, head), {"labels": labels})


def test_a_call_with_labels_does_not_change_the_config_or_later_calls(leg: Leg) -> None:
    """The reference stores the first guess in the config (flaw 10)."""
    head = "sequence_classification"
    config = tiny_config(head, num_labels=4)
    model = leg.build(config, head)
    inputs = some_inputs(config, head)
    classes = leg.outputs(model, inputs | {"labels": np.array([0, 1, 2])})
    several = leg.outputs(model, inputs | {"labels": np.eye(3, 4, dtype=np.float32)})
    assert model.config.problem_type is None
    logits = several["logits"].astype(np.float64)
    expected = (np.logaddexp(0, logits) - np.eye(3, 4) * logits).mean()
    assert several["loss"] == pytest.approx(expected, abs=1e-5)
    assert classes["loss"] != pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("start", [[[1], [2], [3]], [1, 2, 3]])
def test_span_positions_may_have_a_trailing_axis(leg: Leg, start: list) -> None:
    head = "question_answering"
    config = tiny_config(head)
    labels = {"start_positions": np.array(start), "end_positions": np.array([[4], [5], [6]])}
    assert_agrees(leg, config, head, some_inputs(config, head), labels)


def test_one_side_of_a_span_gives_no_loss(leg: Leg) -> None:
    head = "question_answering"
    config = tiny_config(head)
    inputs = some_inputs(config, head)
    answer = leg.outputs(leg.build(config, head), inputs | {"start_positions": np.zeros(3, int)})
    assert list(answer) == ["start_logits", "end_logits"]
