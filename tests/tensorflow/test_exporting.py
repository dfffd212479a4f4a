"""Exported and converted models answer as the eager ones: whole numbers in, masks respected.

Users of the reference reported near-chance accuracy after a conversion to TF-Lite.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from contract.samples import random_weights, some_inputs, tiny_config
from recorded import GOLDEN, named_arrays, read_arrays, read_json
from tolerances import OUTPUT, assert_close

import distilbert
from distilbert.heads import HEADS
from distilbert.tensorflow.exporting import input_signature_of
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.weights import assign


def built(head: str):
    config = tiny_config(head, n_layers=1)
    model = MODEL_CLASSES[head](config)
    assign(model, random_weights(config, head))
    return model


def batch_of(model, *, batch: int, length: int) -> dict[str, np.ndarray]:
    given = some_inputs(model.config, model.head, batch=batch, length=length)
    given["attention_mask"][..., length // 2 :] = 0
    return {name: value.astype(np.int32) for name, value in given.items()}


def assert_answers(got: dict, model, given: dict) -> None:
    expected = model(given)
    assert set(got) == set(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, atol=2e-5)


@pytest.mark.parametrize("head", HEADS)
def test_a_saved_model_takes_any_size(head: str, tmp_path: Path) -> None:
    model = built(head)
    model.export(tmp_path / "served", verbose=False)
    served = tf.saved_model.load(str(tmp_path / "served"))
    for batch, length in ((1, 5), (3, 9)):
        given = batch_of(model, batch=batch, length=length)
        assert_answers(
            served.serve({name: tf.constant(x) for name, x in given.items()}), model, given
        )


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed", "any"])
@pytest.mark.parametrize("head", HEADS)
def test_a_tf_lite_model_answers_as_the_eager_one(head: str, fixed: bool, tmp_path: Path) -> None:
    """With TensorFlow Lite's own operations only; the padding must be hidden there too."""
    model = built(head)
    sizes = {"batch_size": 2, "length": 9} if fixed else {}
    signature = input_signature_of(model, **sizes)
    model.export(tmp_path / "served", verbose=False, input_signature=signature)
    converted = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "served")).convert()
    run = tf.lite.Interpreter(model_content=converted).get_signature_runner()
    for batch, length in [(2, 9)] if fixed else [(1, 5), (3, 12)]:
        given = batch_of(model, batch=batch, length=length)
        assert_answers(run(**given), model, given)
        unmasked = run(**{**given, "attention_mask": np.ones_like(given["attention_mask"])})
        name = next(iter(unmasked))
        assert not np.allclose(unmasked[name], run(**given)[name], atol=1e-3)


@pytest.mark.parametrize(
    "case",
    [c for c in read_json("loading.json")["cases"] if c["fw"] == "tf" and "tf_h5" in c["path"]],
    ids=lambda case: case["id"],
)
def test_a_converted_checkpoint_gives_the_recorded_answers(case: dict, tmp_path: Path) -> None:
    """From the reference's own file to TF-Lite, against what the reference answered."""
    model = getattr(distilbert, case["cls"]).from_pretrained(GOLDEN / case["path"])
    model.export(tmp_path / "served", verbose=False)
    converted = tf.lite.TFLiteConverter.from_saved_model(str(tmp_path / "served")).convert()
    run = tf.lite.Interpreter(model_content=converted).get_signature_runner()
    arrays = named_arrays("loading.npz", case["inputs"])
    given = {name: arrays[name].astype(np.int32) for name in ("input_ids", "attention_mask")}
    got = run(**given)
    for name, reference in case["expect"]["arrays"].items():
        assert_close(got[name], read_arrays("loading.npz")[reference], OUTPUT, name)


def test_the_signature_holds_whole_numbers_of_the_sizes_asked_for() -> None:
    (inputs,) = input_signature_of(built("multiple_choice"), length=7)
    assert {name: (spec.shape, spec.dtype) for name, spec in inputs.items()} == {
        "input_ids": ((None, None, 7), "int32"),
        "attention_mask": ((None, None, 7), "int32"),
    }


def test_saving_a_checkpoint_can_export_it_too(tmp_path: Path) -> None:
    model = built("base")
    model.save_pretrained(tmp_path, saved_model=True, version=3)
    given = batch_of(model, batch=2, length=6)
    served = tf.saved_model.load(str(tmp_path / "saved_model" / "3"))
    assert_answers(served.serve({name: tf.constant(x) for name, x in given.items()}), model, given)


def test_the_signature_and_the_output_of_serving_are_the_references() -> None:
    model = built("multiple_choice")
    signature = model.input_signature
    assert list(signature) == ["input_ids", "attention_mask"]
    assert all(spec.shape.as_list() == [None] * 3 for spec in signature.values())
    assert {spec.dtype for spec in signature.values()} == {tf.int32}
    model.config.output_attentions = True
    output = model(batch_of(model, batch=2, length=4), output_hidden_states=True)
    served = model.serving_output(output)
    assert list(served) == ["logits", "attentions"]
    assert served.attentions.shape == (1, 2 * 3, 4, 4, 4)
