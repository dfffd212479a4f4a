"""What an ONNX file refers to, read from its bytes: operators, domains, files of constants."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from distilbert.errors import CheckpointError
from distilbert.runtimes.onnx_contents import read_contents


def external(name: str, location: str) -> Any:
    tensor = TensorProto(name=name, dims=[3], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    tensor.external_data.add(key="length", value="12")
    return tensor


def save(path: Path, nodes: list[Any], tensors: Any = (), **more: Any) -> Path:
    graph = helper.make_graph(nodes, "g", [], [], list(tensors))
    opsets = [helper.make_opsetid("ai.onnx", 19), helper.make_opsetid("com.microsoft", 1)]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, **more).SerializeToString())
    return path


def test_operators_are_counted_by_name_and_domain(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Add", ["a", "b"], ["c"]),
        helper.make_node("Add", ["a", "c"], ["d"], domain="ai.onnx"),
        helper.make_node("Gelu", ["d"], ["e"], domain="com.microsoft"),
        helper.make_node("Magic", ["e"], ["f"], domain="my.ops"),
    ]
    big = numpy_helper.from_array(np.zeros(100_000, np.float32), "weights")
    found = read_contents(save(tmp_path / "m.onnx", nodes, [big]))
    assert found.operators == {"Add": 2, "com.microsoft:Gelu": 1, "my.ops:Magic": 1}
    assert found.opset == 19
    assert found.locations == set()
    assert found.foreign_domains(("com.microsoft",)) == ["my.ops"]


def test_operators_and_data_inside_of_branches_and_functions_are_found(tmp_path: Path) -> None:
    inner = helper.make_graph(
        [helper.make_node("Hidden", [], ["x"], domain="deep")],
        "inner",
        [],
        [],
        [external("t", "a")],
    )
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    value = helper.make_node("Constant", [], ["z"], value=external("u", "b"))
    sparse = helper.make_node("Constant", [], ["w"])
    attribute = sparse.attribute.add(name="sparse_value", type=onnx.AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.values.CopyFrom(external("v", "c"))
    function = helper.make_function(
        "own", "F", [], ["o"], [helper.make_node("Deeper", [], ["o"], domain="deepest")], []
    )
    call = helper.make_node("F", [], ["p"], domain="own")
    path = save(tmp_path / "m.onnx", [branch, value, sparse, call], functions=[function])
    found = read_contents(path)
    assert found.locations == {"a", "b", "c"}
    assert found.functions == {"own"}
    assert found.foreign_domains(()) == ["deep", "deepest"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", "damaged or another kind of file"),
        (b"hello, this is no model at all", "damaged or another kind of file"),
        (b"\xff" * 40, "damaged or another kind of file"),
        (b"\x3a\x7f\x0a", "damaged or another kind of file"),  # a graph longer than the file
        (b"\x08\x0a", "has no operators"),
        (b"version https://git-lfs.github.com/spec/v1\n", "git-LFS pointer"),
    ],
)
def test_another_kind_of_file_is_named(tmp_path: Path, content: bytes, text: str) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(CheckpointError, match=text):
        read_contents(tmp_path / "m.onnx")


def test_a_file_cut_anywhere_is_damaged_or_still_a_model(tmp_path: Path) -> None:
    whole = save(tmp_path / "m.onnx", [helper.make_node("Add", ["a", "b"], ["c"])]).read_bytes()
    for length in range(1, len(whole)):
        (tmp_path / "cut.onnx").write_bytes(whole[:length])
        with suppress(CheckpointError):
            assert read_contents(tmp_path / "cut.onnx").operators == {"Add": 1}


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"must be readable: .*No such file"):
        read_contents(tmp_path / "m.onnx")


def test_deep_nesting_is_no_deep_call(tmp_path: Path) -> None:
    graph = helper.make_graph([helper.make_node("Add", ["a", "b"], ["c"])], "g", [], [])
    for _ in range(30):
        node = helper.make_node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)
        del node.attribute[1]
        graph = helper.make_graph([node], "g", [], [])
    model = helper.make_model(graph)
    (tmp_path / "m.onnx").write_bytes(model.SerializeToString())
    assert read_contents(tmp_path / "m.onnx").operators == {"If": 30, "Add": 1}
