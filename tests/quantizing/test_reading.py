"""ONNX files read back as graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.quantizing.reading import read_graph
from distilbert.quantizing.to_onnx import write_graph

MODEL = Path("onnx/model.onnx")


@pytest.mark.parametrize("head", HEADS)
def test_a_graph_read_and_written_again_is_the_same_model(exported, tmp_path, head) -> None:
    file = exported(head) / MODEL
    write_graph(read_graph(file), tmp_path / "again.onnx", head)
    first, again = (onnx.load(path) for path in (file, tmp_path / "again.onnx"))
    assert again.graph.node == first.graph.node
    assert again.graph.output == first.graph.output
    assert again.graph.input == first.graph.input
    assert {t.name: t.SerializeToString() for t in again.graph.initializer} == {
        t.name: t.SerializeToString() for t in first.graph.initializer
    }


def test_external_data_are_read(exported) -> None:
    inside = read_graph(exported("base") / MODEL).constants
    outside = read_graph(exported("base", external_data=True) / MODEL).constants
    assert inside.keys() == outside.keys()
    for name, array in inside.items():
        np.testing.assert_array_equal(outside[name], array)


def changed(file: Path, to: Path, change) -> Path:
    model = onnx.load(file)
    change(model)
    onnx.save(model, to)
    return to


def test_constants_in_nodes_are_constants(exported, tmp_path) -> None:
    def move(model):
        tensor = model.graph.initializer.pop()
        model.graph.node.insert(
            0, onnx.helper.make_node("Constant", [], [tensor.name], value=tensor)
        )

    file = exported("base") / MODEL
    graph = read_graph(changed(file, tmp_path / "m.onnx", move))
    assert graph.constants.keys() == read_graph(file).constants.keys()
    assert not [node for node in graph.nodes if node.operator == "Constant"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda node: setattr(node, "op_type", "MatMulInteger"), "must not be quantized"),
        (lambda node: setattr(node, "domain", "com.microsoft"), "those of com.microsoft"),
        (
            lambda node: node.attribute.append(
                onnx.helper.make_attribute("body", onnx.GraphProto(name="inner"))
            ),
            "must be one graph",
        ),
    ],
)
def test_graphs_that_cannot_be_changed_are_refused(exported, tmp_path, change, text) -> None:
    file = exported("base") / MODEL
    other = changed(file, tmp_path / "m.onnx", lambda model: change(model.graph.node[-1]))
    with pytest.raises(InputError, match=text):
        read_graph(other)


def test_a_file_of_old_operators_is_refused(exported, tmp_path) -> None:
    def date_back(model):
        model.opset_import[0].version = 12

    other = changed(exported("base") / MODEL, tmp_path / "m.onnx", date_back)
    with pytest.raises(InputError, match=r"opset 13 or later: .* uses those of 12"):
        read_graph(other)
