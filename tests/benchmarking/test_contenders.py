"""Ways to run a model: which there are, how each is asked for, and that each opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from exports import tiny_source

from distilbert import export
from distilbert._lazy import RUNTIMES
from distilbert.benchmarking import contenders as module
from distilbert.benchmarking.contenders import Subject, find_ways, open_way
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model

HEAD = "sequence_classification"


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_source(tmp_path_factory.mktemp("contenders") / "m", HEAD)


def subject_of(source: Path, **more: Any) -> Subject:
    found = find_model(source, options=LoadOptions())
    return Subject(name=str(source), head=HEAD, found=found, options={}, **more)


def test_a_checkpoint_runs_in_torch_and_is_exported_for_runtimes(
    source: Path, tmp_path: Path
) -> None:
    subject = subject_of(source)
    found = find_ways(subject, tmp_path, frameworks=False)
    labels = [(way.name, way.dtype) for way in found.ways]
    assert labels[:3] == [("torch", "float32"), ("torch", "bfloat16"), ("onnx", "float32")]
    assert {*found.files} <= {*RUNTIMES}
    for name in ("tensorflow", "flax", "savedmodel", "tflite"):
        assert any(one.startswith(f"{name}: slow to import") for one in found.left_out)
    texts = ["the cat sat", "a dog"]
    expected = open_way(found.ways[0], subject, texts)
    opened = open_way(found.ways[2], subject, texts)
    assert (opened.name, opened.dtype) == ("onnx", "float32")
    first, second = expected.pipe(texts), opened.pipe(texts)
    assert [one["label"] for one in first] == [one["label"] for one in second]
    assert opened.batch(1, 16)()["logits"].shape == (1, 2)
    assert len(opened.texts()) == 2


def test_the_steps_are_what_a_user_types(source: Path, tmp_path: Path) -> None:
    found = find_ways(subject_of(source, num_threads=1), tmp_path, frameworks=False)
    steps = {(way.name, way.dtype): way.steps for way in found.ways}
    task = "text-classification"
    assert steps["torch", "bfloat16"] == (
        f"distilbert predict {task} -m {source} --framework torch --dtype bfloat16 --num-threads 1",
        f'pipeline("{task}", "{source}", framework="torch", dtype="bfloat16", num_threads=1)',
    )
    assert steps["onnx", "float32"] == (
        f"distilbert export {source} OUTPUT --to onnx --head {HEAD}",
        f"distilbert predict {task} -m OUTPUT --runtime onnx --num-threads 1",
        f'pipeline("{task}", "OUTPUT", runtime="onnx", num_threads=1)',
    )


def test_frameworks_are_measured_where_asked_and_their_threads_cannot_be_set(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RUNTIMES", {})
    monkeypatch.setattr(module, "has_framework", lambda name: name != "flax")
    found = find_ways(subject_of(source), tmp_path, frameworks=True)
    assert [way.name for way in found.ways] == ["torch", "torch", "tensorflow"]
    assert found.left_out == ["flax: it is not installed."]
    found = find_ways(subject_of(source, num_threads=2), tmp_path, frameworks=True)
    assert [way.name for way in found.ways] == ["torch", "torch"]
    assert found.left_out[0].startswith("tensorflow: its threads cannot be set")


def test_a_runtime_that_is_not_installed_is_said(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_available", lambda name: False)
    found = find_ways(subject_of(source), tmp_path, frameworks=False)
    assert "onnx: onnxruntime is not installed." in found.left_out
    assert found.files == {}


def test_an_exported_model_runs_in_the_runtimes_it_has_files_for(
    source: Path, tmp_path: Path
) -> None:
    folder = export(source, tmp_path / "m-onnx", to="onnx").folder
    subject = subject_of(folder)
    found = find_ways(subject, tmp_path / "none", frameworks=True)
    assert [(way.name, way.dtype) for way in found.ways] == [("onnx", "float32")]
    assert found.ways[0].steps[0].endswith(f"-m {folder} --runtime onnx")
    assert open_way(found.ways[0], subject, ["the cat"]).texts()
