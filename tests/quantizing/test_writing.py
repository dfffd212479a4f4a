"""The folder that is written."""

from __future__ import annotations

import json

import numpy as np
import pytest

from distilbert.errors import ExportError
from distilbert.exported import find_exported
from distilbert.quantizing.writing import write_quantized

SEQUENCES = [np.array([2, 7, 9, 11, 3]), np.array([2, 8, 3])]


def test_the_manifest_says_what_is_in_int8_and_how(job, tmp_path) -> None:
    made = job("token_classification", mode="static", ranges="minmax", bits=7)
    made.calibrate(SEQUENCES)
    done = write_quantized(made, tmp_path / "out", None, SEQUENCES)
    manifest = json.loads((tmp_path / "out" / "export.json").read_text())
    assert manifest["files"].keys() == {"onnx/model_quantized.onnx"}
    assert (manifest["head"], manifest["dtype"], manifest["opset"]) == (done.head, "int8", 20)
    found = manifest["quantization"]
    assert found["layers"] == done.layers == list(made.layers)
    assert (found["mode"], found["float32"], found["metric"]) == ("static", [], None)
    assert "7 bits" in found["weights"]
    assert found["activations"] == "uint8 per tensor, smooth, minmax of 2 texts"
    assert manifest["source"]["sha256"] == made.source.facts["sha256"]
    opened = find_exported(tmp_path / "out")
    assert opened.file == done.file
    assert opened.manifest == manifest
    assert [line.name for line in done.lines][-2:] == [
        "same decisions as float32",
        "difference of the outputs from float32",
    ]


def test_a_file_that_answers_otherwise_is_not_kept(job, tmp_path, monkeypatch) -> None:
    made = job("base")
    layers, written = list(made.layers), made.write
    monkeypatch.setattr(made, "write", lambda names, folder: written(layers[:1], folder))
    with pytest.raises(ExportError, match="must answer as the model that was scored"):
        write_quantized(made, tmp_path / "out", None, SEQUENCES)
    assert not (tmp_path / "out").exists()
