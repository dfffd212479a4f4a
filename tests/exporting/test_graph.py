"""`Graph`: nodes, shared constants, and the file with its data inside or next to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from distilbert.errors import MissingDependencyError
from distilbert.exporting import graph as module
from distilbert.exporting.graph import Graph

PRODUCER = ("distilbert", "1.2")


def sample() -> Graph:
    graph = Graph(20)
    graph.inputs = {"x": (np.float32, ["batch", 600])}
    graph.constants["table"] = np.arange(600, dtype=np.float32)
    graph.constants["other"] = np.arange(300, dtype=np.float16)
    total = graph.add("Add", "x", "table")
    graph.output("y", graph.reshape(total, 0, 2, -1), np.float32, ["batch", 2, 300])
    return graph


def test_equal_constants_share_a_name_and_other_types_do_not() -> None:
    graph = Graph(20)
    assert graph.axes(1, 2) == graph.axes(1, 2)
    assert graph.constant(1, np.float32) == graph.constant(1.0, np.float32)
    assert len({graph.constant(1, np.float32), graph.constant(1, np.int64), graph.axes(1)}) == 3


def test_the_outputs_of_a_node_have_different_names() -> None:
    graph = Graph(20)
    names = graph.add_many("Split", "x", n_outputs=3, axis=-1, num_outputs=3)
    assert len({*names, graph.add("Relu", names[0])}) == 4


@pytest.mark.parametrize("external", [False, True])
def test_a_written_model_is_valid_and_equal_calls_write_equal_bytes(
    tmp_path: Path, external: bool
) -> None:
    path = tmp_path / "m.onnx"
    for _ in range(2):
        files = sample().write(path, external=external, producer=PRODUCER, facts={"a": "b"})
        contents = [file.read_bytes() for file in files]
        assert contents == [file.read_bytes() for file in files]
    assert [file.name for file in files] == (["m.onnx", "m.onnx_data"] if external else ["m.onnx"])
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    tensors = {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}
    np.testing.assert_array_equal(tensors["table"], np.arange(600, dtype=np.float32))
    np.testing.assert_array_equal(tensors["other"], np.arange(300, dtype=np.float16))
    assert model.opset_import[0].version == 20
    assert (model.producer_version, model.metadata_props[0].value) == ("1.2", "b")


def test_external_data_begin_at_pages_and_small_constants_stay_inside(tmp_path: Path) -> None:
    sample().write(tmp_path / "m.onnx", external=True, producer=PRODUCER, facts={})
    model = onnx.load(tmp_path / "m.onnx", load_external_data=False)
    places = {
        one.name: {entry.key: entry.value for entry in one.external_data}
        for one in model.graph.initializer
    }
    assert places["table"] == {"location": "m.onnx_data", "offset": "0", "length": "2400"}
    assert places["other"] == {}  # 600 bytes
    assert (tmp_path / "m.onnx_data").stat().st_size == 2400


def test_what_one_message_cannot_hold_goes_to_the_second_file(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "MAX_MESSAGE_BYTES", 1000)
    files = sample().write(tmp_path / "m.onnx", external=False, producer=PRODUCER, facts={})
    assert len(files) == 2


def test_without_onnx_the_command_that_installs_it_is_named(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx.helper", None)
    with pytest.raises((MissingDependencyError, ImportError)):
        sample().write(tmp_path / "m.onnx", external=False, producer=PRODUCER, facts={})
