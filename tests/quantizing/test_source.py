"""What is quantized: exported folders, files of others, checkpoints."""

from __future__ import annotations

import json
import shutil

import pytest
from exports import tiny_source

import distilbert
from distilbert.errors import InputError
from distilbert.quantizing.source import open_source, reopen


def test_a_checkpoint_is_exported_first(tmp_path, wanted) -> None:
    source = tiny_source(tmp_path / "m", "base")
    found = open_source(wanted(source, pooling="cls", normalize=True), tmp_path / "out")
    assert found.file == tmp_path / "out" / "onnx" / "model.onnx"
    assert (found.model.head, found.pooling, found.normalize) == ("base", "cls", True)
    assert found.facts["name"] == "m"


def test_an_exported_model_is_taken_as_it_is(exported, wanted, tmp_path) -> None:
    folder = exported("token_classification")
    for model in (folder, folder / "onnx" / "model.onnx"):
        found = open_source(wanted(model), tmp_path / "out")
        assert (found.model.head, found.pooling) == ("token_classification", None)
        assert found.folder.resolve() == folder
        assert found.facts == json.loads((folder / "export.json").read_text())["source"]
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="`pooling` is for checkpoints"):
        open_source(wanted(folder, pooling="max"), tmp_path / "out")


def test_without_a_manifest_the_config_names_the_head(exported, wanted, tmp_path) -> None:
    folder = shutil.copytree(exported("question_answering"), tmp_path / "m")
    (folder / "export.json").unlink()
    found = open_source(wanted(folder), tmp_path / "out")
    assert found.model.head == "question_answering"
    assert (found.facts["name"], len(found.facts["sha256"])) == ("m", 64)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": None}))
    with pytest.raises(InputError, match="`head` must be given"):
        open_source(wanted(folder), tmp_path / "out")
    named = open_source(wanted(folder, "question_answering"), tmp_path / "out")
    assert named.model.head == "question_answering"


def test_a_model_of_one_size_is_refused(wanted, tmp_path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    done = distilbert.export(source, tmp_path / "b", buckets="1x16")
    with pytest.raises(
        InputError, match=r"must take batches of any size: .* takes some sizes only"
    ):
        open_source(wanted(done.folder), tmp_path / "out")


def test_a_folder_is_reopened_with_its_runtime(exported) -> None:
    assert reopen(exported("base"), "onnx", "base", 1).runner.head == "base"


def test_a_model_of_another_runtime_is_refused(wanted, tmp_path) -> None:
    done = distilbert.export(tiny_source(tmp_path / "m", "base"), tmp_path / "ov", to="openvino")
    with pytest.raises(InputError, match="must be a checkpoint or an ONNX file"):
        open_source(wanted(done.folder), tmp_path / "out")
