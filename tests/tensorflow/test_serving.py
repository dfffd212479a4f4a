"""Served functions answer as the models do, for any size, in both kinds of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from contract.samples import random_weights, some_inputs, tiny_config
from exports import tiny_weights
from stand_ins import small_config

from distilbert.heads import HEADS
from distilbert.tasks.embedding import normalize, pool
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.serving import save_served, save_tf_lite, served
from distilbert.tensorflow.weights import assign

PRUNED = {"n_layers": 2, "pruned_heads": {0: [1]}, "chunk_size_feed_forward": 4}


@pytest.mark.parametrize("head", HEADS)
def test_both_kinds_of_files_answer_for_any_size(tmp_path: Path, head: str) -> None:
    config = tiny_config(head, **PRUNED)
    weights = random_weights(config, head)
    model = MODEL_CLASSES[head](config)
    assign(model, weights)
    module = served(weights, config, head, more={})
    assert config.chunk_size_feed_forward == 4
    save_served(module, tmp_path / "m")
    save_tf_lite(module, tmp_path / "m.tflite", dtype="float32")
    loaded = tf.saved_model.load(str(tmp_path / "m")).signatures["serving_default"]
    lite: Any = tf.lite.Interpreter(model_path=str(tmp_path / "m.tflite")).get_signature_runner()
    for batch, length in ((1, 5), (3, 9), (2, 1)):
        given = some_inputs(config, head, batch=batch, length=length)
        given["attention_mask"][..., (length + 1) // 2 :] = 0
        arrays = {name: value.astype(np.int32) for name, value in given.items()}
        expected = model(arrays)
        saved = loaded(**{name: tf.constant(value) for name, value in arrays.items()})
        assert {*saved} == {*HEADS[head].outputs}
        for name, value in lite(**arrays).items():
            np.testing.assert_allclose(value, expected[name], atol=2e-5)
            np.testing.assert_allclose(saved[name], expected[name], atol=2e-5)


@pytest.mark.parametrize("is_scaled", [True, False])
@pytest.mark.parametrize("mode", ["mean", "cls", "max"])
def test_vectors_are_those_of_the_pipeline(mode: Any, is_scaled: bool) -> None:
    config = small_config(initializer_range=0.3)
    module = served(tiny_weights(config, "base"), config, "base", more={"v": (mode, is_scaled)})
    ids = np.arange(20, dtype=np.int32).reshape(4, 5)
    mask = (np.arange(5) < np.array([[5], [3], [1], [4]])).astype(np.int32)
    function: Any = module.serve
    found = function({"input_ids": ids, "attention_mask": mask})
    rows = zip(found["last_hidden_state"].numpy(), mask == 1, strict=True)
    expected = np.stack([pool(states[real], mode) for states, real in rows])
    expected = normalize(expected) if is_scaled else expected
    np.testing.assert_allclose(found["v"].numpy(), expected, atol=1e-6)


def test_float16_halves_a_tf_lite_file(tmp_path: Path) -> None:
    config = small_config(initializer_range=0.3, hidden_dim=512)
    module = served(tiny_weights(config, "masked_lm"), config, "masked_lm", more={})
    sizes = []
    for dtype in ("float32", "float16"):
        file = tmp_path / f"{dtype}.tflite"
        save_tf_lite(module, file, dtype=dtype)
        sizes.append(file.stat().st_size)
    assert sizes[1] < 0.75 * sizes[0]
