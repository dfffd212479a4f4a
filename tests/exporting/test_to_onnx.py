"""The target "onnx": choices arrive in the file."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from exports import tiny_source

from distilbert.exporting.source import read_export_source
from distilbert.exporting.targets import Choices
from distilbert.exporting.to_onnx import write
from distilbert.opening import find_model


@pytest.mark.parametrize("external", [False, True])
def test_choices_and_pooling_arrive_in_the_file(tmp_path: Path, external: bool) -> None:
    found = find_model(tiny_source(tmp_path / "m", "base"))
    source = read_export_source(found, head=None, pooling="mean", normalize=True)
    (tmp_path / "out").mkdir()
    choices = Choices(dtype="float16", opset=21, external_data=external)
    files = write(source, choices, tmp_path / "out")
    names = ["model.onnx", "model.onnx_data"] if external else ["model.onnx"]
    assert files == [tmp_path / "out" / "onnx" / name for name in names]
    model = onnx.load(files[0])
    assert [one.version for one in model.opset_import] == [21]
    assert {one.key: one.value for one in model.metadata_props} == {"head": "base"}
    assert [one.name for one in model.graph.output] == ["last_hidden_state", "sentence_embedding"]
    assert "ReduceL2" in {node.op_type for node in model.graph.node}
    types = {one.data_type for one in model.graph.initializer if "weight" in one.name}
    assert types == {onnx.TensorProto.FLOAT16}
