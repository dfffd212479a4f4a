"""Exported folders: found, described by their manifest, and chosen instead of weights."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exports import tiny_source
from fake_hub import FakeHub, serve

import distilbert
from distilbert._lazy import RUNTIMES
from distilbert.errors import CheckpointError, InputError
from distilbert.exported import MANIFEST, choose_exported, find_exported
from distilbert.heads import HEADS
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model, load_runner

BATCH = {
    "input_ids": np.array([[5, 6, 7, 8], [9, 10, 0, 0]]),
    "attention_mask": np.array([[1, 1, 1, 1], [1, 1, 0, 0]]),
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_source(tmp_path_factory.mktemp("source") / "m", "token_classification")


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def stored(source: Path, runtime: str) -> Path:
    """An export that no test changes."""
    return distilbert.export(source, source.parent / runtime, to=runtime).folder


@pytest.fixture
def folder(stored: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(stored, tmp_path / "out")


def answers(model: Any, **options: Any) -> np.ndarray:
    found = find_model(model, options=LoadOptions(**options))
    return load_runner(found, "token_classification").run_batch(BATCH)["logits"]


def test_a_folder_and_its_file_are_the_same_model(stored: Path, source: Path, runtime: str) -> None:
    of_folder = answers(stored)
    np.testing.assert_array_equal(answers(stored / RUNTIMES[runtime].files[0]), of_folder)
    real = BATCH["attention_mask"] == 1
    np.testing.assert_allclose(of_folder[real], answers(source)[real], atol=2e-5)
    assert find_exported(source) is None
    assert find_exported(stored / "config.json") is None


def test_a_file_may_be_named_from_any_working_directory(stored, runtime, monkeypatch) -> None:
    file = stored / RUNTIMES[runtime].files[0]
    for place in (stored.parent, stored, file.parent):
        monkeypatch.chdir(place)
        found = find_exported(file.relative_to(place))
        assert found is not None
        assert (found.folder, found.manifest["runtime"]) == (stored, runtime)
        found.check_files()


def test_next_to_weights_the_file_runs_if_its_runtime_is_named(folder, source, runtime) -> None:
    for name in ("model.safetensors", "config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    assert find_model(folder).framework == "torch"
    found = find_model(folder, options=LoadOptions(runtime=runtime, num_threads=1))
    assert (found.framework, found.exported is not None) == (None, True)


def test_without_a_framework_the_file_is_preferred_to_weights(folder, source, monkeypatch) -> None:
    (folder / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes())
    monkeypatch.setattr("distilbert._lazy.is_available", lambda name: False)
    assert find_model(folder).exported is not None


@pytest.mark.parametrize(
    ("options", "framework", "error", "text"),
    [
        ({"runtime": "tensorrt"}, None, InputError, "`runtime` must be one of onnx, openvino"),
        ({}, "torch", InputError, "can only be run, and without `framework`"),
        ({}, "flax", InputError, "Leave it out, or use the checkpoint"),
        ({"variant": "fp16"}, None, InputError, "`variant` must be left out"),
        ({"formats": {"from_tf": True}}, None, InputError, "`from_tf` must be left out"),
    ],
)
def test_options_of_weights_are_refused(stored: Path, options, framework, error, text) -> None:
    with pytest.raises(error, match=text):
        choose_exported(stored, framework, LoadOptions(**options))


def test_options_of_exported_models_are_refused_for_weights(source: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has none. Write one with: distilbert export"):
        find_model(source, options=LoadOptions(runtime="onnx"))


def test_a_named_runtime_needs_its_own_file(stored: Path, runtime: str) -> None:
    for other in {*RUNTIMES} - {runtime}:
        with pytest.raises(CheckpointError, match=f"OUTPUT --to {other}"):
            find_model(stored, options=LoadOptions(runtime=other))


def test_of_two_files_that_of_an_installed_runtime_runs(source, tmp_path, monkeypatch) -> None:
    names = ("onnx", "openvino", "torchscript")
    for name in names:
        folder = distilbert.export(source, tmp_path / name, to=name).folder
        shutil.copytree(folder / name, tmp_path / "both" / name)
    shutil.copy(source / "config.json", tmp_path / "both")
    for name in names:
        needed = RUNTIMES[name].requirements
        monkeypatch.setattr("distilbert.exported.is_available", lambda one: one in needed)  # noqa: B023
        found = find_exported(tmp_path / "both")
        assert found is not None
        assert found.runtime == name


def test_the_file_of_a_hub_name_is_fetched_without_the_weights(
    stored: Path, source: Path, runtime: str, tmp_path: Path, monkeypatch
) -> None:
    files = {
        path.relative_to(stored).as_posix(): path.read_bytes()
        for path in stored.rglob("*")
        if path.is_file()
    }
    files["model.safetensors"] = (source / "model.safetensors").read_bytes()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with serve(FakeHub({"ann/both": files})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        np.testing.assert_array_equal(answers("ann/both", runtime=runtime), answers(stored))
        assert RUNTIMES[runtime].files[0] in hub.downloaded()
        assert "model.safetensors" not in hub.downloaded()


@pytest.fixture(scope="module")
def with_buckets(source: Path) -> Path:
    """An export with buckets that no test changes."""
    return distilbert.export(source, source.parent / "b", to="onnx", buckets="1x8,2x16").folder


def test_an_export_with_buckets_opens_from_folder_file_and_hub(
    with_buckets: Path, source: Path, tmp_path: Path, monkeypatch
) -> None:
    seen = BATCH["attention_mask"] == 1
    expected = answers(source)[seen]
    for model in (with_buckets, with_buckets / "onnx/model_2x16.onnx"):
        np.testing.assert_allclose(answers(model)[seen], expected, atol=2e-5)
    names = [path for path in with_buckets.rglob("*") if path.is_file()]
    files = {path.relative_to(with_buckets).as_posix(): path.read_bytes() for path in names}
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with serve(FakeHub({"ann/b": files})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        found = answers("ann/b", runtime="onnx")[seen]
        np.testing.assert_allclose(found, expected, atol=2e-5)
        with pytest.raises(CheckpointError):
            answers("ann/b", runtime="openvino")


@pytest.mark.parametrize(
    ("buckets", "text"),
    [
        (["1x8", "9x9"], r"a file for each of its buckets.* has onnx/model_1x8\.onnx for"),
        (["1" * 5000 + "x8"], "is damaged: `buckets` must be rows and tokens"),
        (["1x8", 7], "is damaged: `buckets` must be rows and tokens"),
        ({}, "is damaged"),
    ],
)
def test_a_manifest_with_other_buckets_is_refused(
    with_buckets: Path, tmp_path: Path, buckets: Any, text: str
) -> None:
    folder = shutil.copytree(with_buckets, tmp_path / "out")
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "buckets": buckets}))
    with pytest.raises(CheckpointError, match=text):
        answers(folder)


def test_a_file_computes_one_head(stored: Path) -> None:
    with pytest.raises(CheckpointError, match="has 'token_classification', and 'base' is needed"):
        load_runner(find_model(stored), "base")


def test_a_file_that_the_manifest_does_not_describe_is_refused(folder: Path, runtime: str) -> None:
    file = folder / RUNTIMES[runtime].files[0]
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(CheckpointError, match=r"has another content\. Export the model again"):
        answers(folder)
    (folder / MANIFEST).write_text("[]")
    with pytest.raises(CheckpointError, match=r"`export\.json` must be a JSON object"):
        answers(folder)


@pytest.mark.parametrize("files", [["onnx/model.onnx"], {"onnx/model.onnx": 3}, 7, {"../x": {}}])
def test_a_manifest_of_another_form_is_refused(folder: Path, files: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "files": files}))
    with pytest.raises(CheckpointError, match=r"`export\.json` must name"):
        answers(folder)


def test_a_manifest_without_a_head_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "head": "lm"}))
    with pytest.raises(CheckpointError, match="must name a head and"):
        answers(folder)


def test_a_file_of_another_program_runs_without_a_manifest(folder: Path, runtime: str) -> None:
    expected = answers(folder)
    (folder / MANIFEST).unlink()
    np.testing.assert_array_equal(answers(folder), expected)
    for path in (folder / runtime).iterdir():
        path.rename(folder / path.name)
    np.testing.assert_array_equal(answers(folder), expected)


def test_an_exported_model_is_not_trained(stored: Path, tmp_path: Path) -> None:
    rows = [{"tokens": ["the", "cat"], "labels": ["B-A", "O"]}] * 4
    card = {"task": "token-classification", "model": str(stored), "output": str(tmp_path / "run")}
    with pytest.raises(InputError, match="An exported model can only be run"):
        distilbert.finetune(card, train=rows, dev=rows)
    assert not (tmp_path / "run").exists()


WITHOUT_FRAMEWORKS = """
import sys, json
folder, *needed = sys.argv[1:]
others = {"torch", "tensorflow", "keras", "jax", "flax", "onnx", "transformers"} - {*needed}
for name in others:
    sys.modules[name] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: (
    None if name in others else find(name, package)
)
import distilbert
pipe = distilbert.pipeline("ner", folder, aggregation_strategy="none", num_threads=1)
print(json.dumps([one["score"] for one in pipe("the cat sat on the mat .")]))
models = [f"distilbert.{name}" for name in ("torch", "tensorflow", "flax")]
assert not [name for name in sys.modules if name.startswith(tuple(models))]
"""


def test_a_machine_with_the_runtime_alone_runs_it(stored, source, runtime) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT_FRAMEWORKS, stored, *RUNTIMES[runtime].requirements],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    pipe = distilbert.pipeline("ner", source, aggregation_strategy="none")
    expected = [one["score"] for one in pipe("the cat sat on the mat .")]
    np.testing.assert_allclose(json.loads(ran.stdout), expected, atol=2e-5)


@pytest.mark.parametrize("head", [head.name for head in HEADS.values() if head.task])
def test_every_head_is_found_with_its_task(tmp_path: Path, head: str, runtime: str) -> None:
    source = tiny_source(tmp_path / "m", head)
    folder = distilbert.export(source, tmp_path / "out", to=runtime).folder
    pipe = distilbert.pipeline(model=folder)
    assert pipe.runner.head == head


def test_a_quantized_file_runs_where_there_is_no_other_or_it_is_named(source, tmp_path) -> None:
    folder = distilbert.export(source, tmp_path / "out").folder
    texts = [{"text": "the cat sat"}, {"text": "berlin"}]
    small = distilbert.quantize(folder, tmp_path / "int8", texts=texts, num_threads=1)
    assert find_exported(small.folder).file == small.file
    assert find_exported(small.folder, "onnx").manifest["dtype"] == "int8"
    both = folder / "onnx" / small.file.name
    both.write_bytes(small.file.read_bytes())
    assert find_exported(folder).file.name == "model.onnx"
    np.testing.assert_array_equal(answers(both), answers(small.folder))
    assert np.abs(answers(folder) - answers(both)).max() > 0


def test_the_size_counts_external_data(source, tmp_path) -> None:
    inside = distilbert.export(source, tmp_path / "a").folder
    outside = distilbert.export(source, tmp_path / "b", external_data=True).folder
    sizes = [find_exported(folder).size() for folder in (inside, outside)]
    assert sizes[0] == (inside / "onnx" / "model.onnx").stat().st_size
    assert sizes[1] >= sum(path.stat().st_size for path in (outside / "onnx").iterdir())
    assert sizes[1] == pytest.approx(sizes[0], rel=0.5)
