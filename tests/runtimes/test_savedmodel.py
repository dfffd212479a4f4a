"""SavedModels: device and threads, and models that are refused."""

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
from distilbert.runtimes import savedmodel

CONFIG = small_config(initializer_range=0.2)
HEAD = "token_classification"
AXES = [None, None]


def saved(folder: Path, function: Any, names: tuple[str, ...] = ("input_ids", "attention_mask")):
    module = tf.Module()
    specs = [tf.TensorSpec(AXES, tf.int32, name) for name in names]
    module.serve = tf.function(function, input_signature=specs)  # type: ignore[attr-defined]
    signatures = module.serve.get_concrete_function()  # type: ignore[attr-defined]
    tf.saved_model.save(module, str(folder / "m"), signatures=signatures)
    return folder / "m" / "saved_model.pb"


def writes(input_ids: Any, attention_mask: Any) -> Any:
    tf.io.write_file("stolen", "x")
    return {"logits": tf.cast(input_ids, tf.float32)}


def python(input_ids: Any, attention_mask: Any) -> Any:
    return {"logits": tf.py_function(lambda x: x, [input_ids], tf.int32)}


@pytest.mark.parametrize(
    ("function", "text"),
    [(writes, "contains WriteFile, which could"), (python, "contains EagerPyFunc, which could")],
)
def test_a_model_that_does_something_else_is_refused(
    tmp_path: Path, monkeypatch, function, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, function)
    with pytest.raises(CheckpointError, match=text):
        savedmodel.load_runner(path, CONFIG, HEAD)
    assert not (tmp_path / "stolen").exists()


def test_a_model_with_other_inputs_or_outputs_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "a", lambda words: {"logits": words}, ("words",))
    with pytest.raises(CheckpointError, match="must take input_ids and attention_mask"):
        savedmodel.load_runner(path, CONFIG, HEAD)
    path = saved(tmp_path / "b", lambda input_ids, attention_mask: {"x": input_ids})
    with pytest.raises(CheckpointError, match="must compute logits"):
        savedmodel.load_runner(path, CONFIG, HEAD)


def test_options_that_do_not_work_are_one_sentence(tmp_path: Path) -> None:
    runner = graph_runner(tmp_path, CONFIG, HEAD, tiny_weights(CONFIG, HEAD), runtime="savedmodel")
    runner.run_batch({"input_ids": np.ones((1, 2), np.int64)})
    path = tmp_path / "savedmodel" / "saved_model.pb"
    with pytest.raises(InputError, match="`num_threads` must be chosen before TensorFlow computes"):
        savedmodel.load_runner(path, CONFIG, HEAD, num_threads=77)
    with pytest.raises(InputError, match="`num_threads` must be an integer >= 1"):
        savedmodel.load_runner(path, CONFIG, HEAD, num_threads=0)
    with pytest.raises(InputError, match="`device` must be one that TensorFlow sees: got 'abacus'"):
        savedmodel.load_runner(path, CONFIG, HEAD, device="abacus")
    with pytest.raises(InputError, match="`dtype` is chosen when a model is exported"):
        savedmodel.load_runner(path, CONFIG, HEAD, dtype="bfloat16")
    (path.parent / "variables" / "variables.index").unlink()
    with pytest.raises(CheckpointError, match="TensorFlow cannot open"):
        savedmodel.load_runner(path, CONFIG, HEAD)


def test_without_tensorflow_the_command_that_installs_it_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingDependencyError, match="`tensorflow` is needed to run SavedModels"):
        savedmodel.load_runner(tmp_path / "saved_model.pb", CONFIG, HEAD)
