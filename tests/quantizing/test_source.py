"""What is quantized: exported folders, files of others, checkpoints."""

from __future__ import annotations

import json
import shutil

import pytest
from exports import tiny_source

import distilbert
from distilbert.errors import CheckpointError, InputError
from distilbert.load_options import LoadOptions
from distilbert.quantizing.source import open_source, reopen

HOW = {"runtime": "onnx", "head": None, "loading": LoadOptions(), "export_options": {}}


def test_a_checkpoint_is_exported_first(tmp_path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    options = {"pooling": "cls", "normalize": True}
    found = open_source(source, tmp_path / "out", **{**HOW, "export_options": options})
    assert found.exported.file == tmp_path / "out" / "onnx" / "model.onnx"
    assert (found.model.head, found.pooling, found.normalize) == ("base", "cls", True)
    assert found.facts["name"] == "m"


def test_an_exported_model_is_taken_as_it_is(exported, tmp_path) -> None:
    folder = exported("token_classification")
    for model in (folder, folder / "onnx" / "model.onnx"):
        found = open_source(model, tmp_path / "out", **HOW)
        assert (found.model.head, found.pooling) == ("token_classification", None)
        assert found.exported.folder.resolve() == folder
        assert found.facts == json.loads((folder / "export.json").read_text())["source"]
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="`pooling` is for checkpoints"):
        open_source(folder, tmp_path / "out", **{**HOW, "export_options": {"pooling": "max"}})


def test_without_a_manifest_the_config_names_the_head(exported, tmp_path) -> None:
    folder = shutil.copytree(exported("question_answering"), tmp_path / "m")
    (folder / "export.json").unlink()
    found = open_source(folder, tmp_path / "out", **HOW)
    assert found.model.head == "question_answering"
    assert (found.facts["name"], len(found.facts["sha256"])) == ("m", 64)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": None}))
    with pytest.raises(InputError, match="`head` must be given"):
        open_source(folder, tmp_path / "out", **HOW)
    named = open_source(folder, tmp_path / "out", **{**HOW, "head": "question_answering"})
    assert named.model.head == "question_answering"


def test_a_folder_is_reopened_with_its_runtime(exported) -> None:
    assert reopen(exported("base"), "onnx", "base", 1).runner.head == "base"


def test_a_model_of_another_runtime_is_refused(tmp_path) -> None:
    pytest.importorskip("openvino")
    done = distilbert.export(tiny_source(tmp_path / "m", "base"), tmp_path / "ov", to="openvino")
    with pytest.raises(CheckpointError, match="`runtime='onnx'` needs an exported model"):
        open_source(done.folder, tmp_path / "out", **HOW)
