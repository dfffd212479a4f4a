"""TF-Lite files: options, several interpreters, and files that are refused."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from exports import graph_runner, tiny_weights
from stand_ins import small_config

from distilbert.errors import CheckpointError, InputError, MissingDependencyError
from distilbert.runtimes import tflite

CONFIG = small_config(initializer_range=0.2)
HEAD = "token_classification"


def converted(path: Path, function: Any, *, custom: bool = False) -> Path:
    specs = [tf.TensorSpec([None, None], tf.int32, n) for n in ("input_ids", "attention_mask")]
    module = tf.Module()
    module.serve = tf.function(function, input_signature=specs)  # type: ignore[attr-defined]
    concrete = module.serve.get_concrete_function()  # type: ignore[attr-defined]
    converter: Any = tf.lite.TFLiteConverter.from_concrete_functions([concrete], module)
    if custom:
        converter.target_spec.supported_ops = [tf.lite.OpsSet.SELECT_TF_OPS]
    path.write_bytes(converter.convert())
    return path


def test_custom_operators_are_refused(tmp_path: Path) -> None:
    def function(input_ids: Any, attention_mask: Any) -> Any:
        return {"logits": tf.abs(tf.cast(input_ids, tf.float32))}

    path = converted(tmp_path / "m.tflite", function, custom=True)
    with pytest.raises(
        CheckpointError, match=r"contains the custom operator 'FlexAbs', .*which could"
    ):
        tflite.load_runner(path, CONFIG, HEAD)


def test_a_file_with_other_outputs_is_refused(tmp_path: Path) -> None:
    path = converted(tmp_path / "m.tflite", lambda input_ids, attention_mask: {"x": input_ids + 1})
    with pytest.raises(CheckpointError, match="must "):
        tflite.load_runner(path, CONFIG, HEAD)


def test_options_that_do_not_work_are_one_sentence(tmp_path: Path) -> None:
    for options, text in (
        ({"num_threads": 0}, "`num_threads` must be an integer >= 1"),
        ({"device": "cuda"}, "`device` must be 'cpu' for a TF-Lite file: got 'cuda'"),
        ({"dtype": "float16"}, "`dtype` is chosen when a model is exported"),
    ):
        with pytest.raises(InputError, match=text):
            tflite.load_runner(tmp_path / "m.tflite", CONFIG, HEAD, **options)


def test_a_closed_session_has_no_interpreter(tmp_path: Path) -> None:
    runner = graph_runner(tmp_path, CONFIG, HEAD, tiny_weights(CONFIG, HEAD), runtime="tflite")
    session: Any = runner.session
    runner.run_batch({"input_ids": np.ones((1, 2), np.int64)})
    assert len(session._idle) == 1
    session.close()
    assert session._idle == []


def test_without_tensorflow_the_command_that_installs_it_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingDependencyError, match="`tensorflow` is needed to run TF-Lite files"):
        tflite.load_runner(tmp_path / "m.tflite", CONFIG, HEAD)
