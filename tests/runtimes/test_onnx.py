"""ONNX files: options of onnxruntime, and files that are refused."""

from __future__ import annotations

import threading
from pathlib import Path

import onnx
import pytest
from exports import tiny_weights, write_graph
from onnx import TensorProto
from stand_ins import small_config

from distilbert.errors import CheckpointError, InputError, MissingDependencyError
from distilbert.runtimes.onnx import load_runner

CONFIG = small_config(initializer_range=0.2)


def test_threads_are_those_that_were_asked_for(tmp_path: Path) -> None:
    path = write_graph(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base"))
    before = threading.active_count()
    runner = load_runner(path, CONFIG, "base", num_threads=3)
    assert runner.session.session.get_session_options().intra_op_num_threads == 3
    assert threading.active_count() == before
    for wrong in (0, 1.5, True, "2"):
        with pytest.raises(InputError, match="`num_threads` must be an integer >= 1"):
            load_runner(path, CONFIG, "base", num_threads=wrong)  # type: ignore[arg-type]
    runner.close()
    assert not hasattr(runner, "session")


def test_device_and_dtype_that_are_not_available_are_named(tmp_path: Path) -> None:
    path = write_graph(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base"))
    with pytest.raises(InputError, match=r"`device` must be one that onnxruntime can use here"):
        load_runner(path, CONFIG, "base", device="tpu")
    with pytest.raises(InputError, match="`dtype` is chosen when a model is exported"):
        load_runner(path, CONFIG, "base", dtype="float16")
    assert load_runner(path, CONFIG, "base", device="cpu").preferred_batch_tokens == 512


def test_without_onnxruntime_the_command_that_installs_it_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingDependencyError, match=r"`onnxruntime` is needed to run ONNX files"):
        load_runner(tmp_path / "m.onnx", CONFIG, "base")


@pytest.mark.parametrize("location", ["../secret", "/etc/passwd", "a/../../b", "", "C:\\x"])
def test_data_outside_of_the_folder_are_never_opened(tmp_path: Path, location: str) -> None:
    path = write_graph(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base"))
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="may only refer to data in its own folder"):
        load_runner(path, CONFIG, "base")


def test_data_that_are_missing_and_custom_operators_are_named(tmp_path: Path) -> None:
    path = write_graph(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base"))
    model = onnx.load(path)
    onnx.save_model(model, path, save_as_external_data=True, location="gone", size_threshold=0)
    (tmp_path / "gone").unlink()
    with pytest.raises(CheckpointError, match="needs gone, which is missing"):
        load_runner(path, CONFIG, "base")
    model.graph.node[0].domain = "my.company"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match=r"custom ones \(my\.company\)"):
        load_runner(path, CONFIG, "base")


def test_what_onnxruntime_cannot_open_is_one_sentence(tmp_path: Path, capfd) -> None:
    path = write_graph(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base"))
    model = onnx.load(path)
    model.graph.node[0].op_type = "NoSuchOperator"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(CheckpointError, match="onnxruntime cannot open"):
        load_runner(path, CONFIG, "base")
    assert capfd.readouterr().err == ""
