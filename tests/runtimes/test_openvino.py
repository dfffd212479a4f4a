"""OpenVINO models: options of openvino, models of other programs, and files that are refused."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exports import as_openvino, tiny_weights, write_graph
from stand_ins import small_config

from distilbert._lazy import require
from distilbert.errors import CheckpointError, InputError, MissingDependencyError
from distilbert.runtimes.file_runner import FileRunner
from distilbert.runtimes.openvino import PRECISIONS, load_runner

CONFIG = small_config(initializer_range=0.2)
BATCH = {"input_ids": np.array([[5, 6, 7], [8, 9, 10]])}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return as_openvino(write_graph(tmp_path, CONFIG, "base", tiny_weights(CONFIG, "base")))


def model_of(runner: FileRunner) -> Any:
    session: Any = runner.session
    return session.model


def test_threads_are_those_that_were_asked_for(path: Path) -> None:
    runner = load_runner(path, CONFIG, "base", num_threads=1)
    assert model_of(runner).get_property("INFERENCE_NUM_THREADS") == 1
    assert runner.preferred_batch_tokens == 512
    for wrong in (0, 1.5, True, "2"):
        with pytest.raises(InputError, match="`num_threads` must be an integer >= 1"):
            load_runner(path, CONFIG, "base", num_threads=wrong)  # type: ignore[arg-type]


def test_computation_is_in_float32_unless_another_type_is_chosen(path: Path, monkeypatch) -> None:
    openvino = require("openvino", "run a test")
    usual = load_runner(path, CONFIG, "base")
    assert model_of(usual).get_property("INFERENCE_PRECISION_HINT") == openvino.Type.f32
    with pytest.raises(InputError, match=r"`dtype` must be one of float32, bfloat16 .*'int8'"):
        load_runner(path, CONFIG, "base", dtype="int8")
    able = "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if able:
        found = load_runner(path, CONFIG, "base", dtype="bfloat16")
        assert model_of(found).get_property("INFERENCE_PRECISION_HINT") == openvino.Type.bf16
        close = found.run_batch(BATCH)["last_hidden_state"]
        exact = usual.run_batch(BATCH)["last_hidden_state"]
        np.testing.assert_allclose(close, exact, atol=0.1)
    monkeypatch.setitem(PRECISIONS, "bfloat16", ("bf16", "NO_SUCH_UNIT"))
    with pytest.raises(InputError, match="OpenVINO finds none for bfloat16 on cpu"):
        load_runner(path, CONFIG, "base", dtype="bfloat16")


@pytest.mark.parametrize("device", ["cuda", "cpu:7", "tpu:0"])
def test_a_device_that_is_not_available_is_named(path: Path, device: str) -> None:
    with pytest.raises(InputError, match=rf"OpenVINO can use here \(.*cpu.*\): got '{device}'"):
        load_runner(path, CONFIG, "base", device=device)


def test_requests_are_as_many_as_threads_at_the_same_time(path: Path) -> None:
    runner = load_runner(path, CONFIG, "base", num_threads=1)
    expected = runner.run_batch(BATCH)["last_hidden_state"]
    together, equal = threading.Barrier(4), list[bool]()

    def work() -> None:
        together.wait()
        found = [runner.run_batch(BATCH)["last_hidden_state"] for _ in range(20)]
        equal.extend(np.array_equal(one, expected) for one in found)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    session: Any = runner.session
    assert equal == [True] * 80
    assert 1 <= len(session._idle) <= 4


def test_an_answer_is_not_overwritten_by_the_next(path: Path) -> None:
    runner = load_runner(path, CONFIG, "base", num_threads=1)
    first = runner.run_batch(BATCH)["last_hidden_state"]
    kept = first.copy()
    runner.run_batch({"input_ids": BATCH["input_ids"] + 1})
    runner.close()
    gc.collect()
    np.testing.assert_array_equal(first, kept)


def test_nothing_is_cached_on_disk(path: Path) -> None:
    load_runner(path, CONFIG, "base", num_threads=1).run_batch(BATCH)
    names = {one.name for one in path.parent.iterdir()}
    assert names == {"base.bin", "base.onnx", "base.xml"}


def test_without_openvino_the_command_that_installs_it_is_named(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependencyError, match="`openvino` is needed to run OpenVINO models"):
        load_runner(tmp_path / "m.xml", CONFIG, "base")


IMPORTED = """
import sys
from distilbert._lazy import require
require("openvino", "run a test")
print(sorted(name for name in sys.modules if name.startswith("openvino_telemetry")))
"""


def test_importing_openvino_reports_nothing_and_writes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", IMPORTED]
    environment = {**os.environ, "HOME": str(tmp_path)}
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment)
    assert (ran.returncode, ran.stdout) == (0, "[]\n"), ran.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def broken(path: Path) -> Iterator[Any]:
    """Replaces a text in the model and opens it."""

    def open_with(old: str, new: str) -> None:
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))
        load_runner(path, CONFIG, "base")

    return open_with  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('type="MVN" version="opset6"', 'type="MVN" version="extension"', r"custom ones \(ext"),
        ('type="MVN"', 'type="NoSuchOperator"', "OpenVINO cannot open .* NoSuchOperator"),
        ('element_type="f32"', 'element_type="q99"', "OpenVINO cannot open .*q99"),
        ('shape="86, 32"', 'shape="86, 33"', "OpenVINO cannot open .*inconsistent"),
        ('version="11"', 'version="99"', "OpenVINO cannot open"),
        ("</net>", "", "damaged or another kind"),
    ],
)
def test_a_damaged_model_is_one_sentence(broken, capfd, old: str, new: str, text: str) -> None:
    with pytest.raises(CheckpointError, match=text) as caught:
        broken(old, new)
    assert "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


def test_constants_that_are_missing_or_cut_are_named(path: Path) -> None:
    data = path.with_suffix(".bin")
    content = data.read_bytes()
    data.write_bytes(content[:1000])
    with pytest.raises(CheckpointError, match=r"OpenVINO cannot open .*Incorrect weights in bin"):
        load_runner(path, CONFIG, "base")
    data.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 3\n")
    with pytest.raises(CheckpointError, match="LFS"):
        load_runner(path, CONFIG, "base")
    data.unlink()
    with pytest.raises(CheckpointError, match=r"needs base\.bin, which is missing"):
        load_runner(path, CONFIG, "base")


def test_a_model_with_a_largest_length_is_refused(path: Path, tmp_path: Path) -> None:
    openvino = require("openvino", "run a test")
    model = openvino.Core().read_model(str(path))
    model.reshape({"input_ids": "?,1..16", "attention_mask": "?,1..16"})
    openvino.save_model(model, str(tmp_path / "b.xml"))
    with pytest.raises(CheckpointError, match=r"must take batches of any size.*16"):
        load_runner(tmp_path / "b.xml", CONFIG, "base")


@pytest.mark.filterwarnings("ignore")  # of tracing
def test_a_model_converted_from_transformers_runs(tmp_path: Path) -> None:
    """As optimum-intel does it: the PyTorch model, traced with ids and mask."""
    import torch
    from transformers import DistilBertConfig, DistilBertForTokenClassification

    openvino = require("openvino", "run a test")
    config = DistilBertConfig(**CONFIG.to_dict(), attn_implementation="sdpa")
    source = DistilBertForTokenClassification(config).eval()
    ids, mask = torch.tensor([[5, 6, 7], [8, 9, 0]]), torch.tensor([[1, 1, 1], [1, 1, 0]])
    inputs = {"input_ids": ids, "attention_mask": mask}
    source.config.return_dict = False
    model = openvino.convert_model(source, example_input=inputs)
    model.outputs[0].get_tensor().set_names({"logits"})
    openvino.save_model(model, str(tmp_path / "openvino_model.xml"), compress_to_fp16=False)
    runner = load_runner(tmp_path / "openvino_model.xml", CONFIG, "token_classification")
    found = runner.run_batch({name: value.numpy() for name, value in inputs.items()})["logits"]
    with torch.no_grad():
        expected = source(**inputs)[0].numpy()
    real = mask.numpy() == 1
    np.testing.assert_allclose(found[real], expected[real], atol=2e-5)
