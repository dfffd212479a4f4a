"""What SavedModels compute is known before TensorFlow opens them."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.errors import CheckpointError
from distilbert.runtimes import savedmodel_contents
from distilbert.runtimes.savedmodel_contents import read_contents


def message(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def function(name: str, *operators: str, more: bytes = b"") -> bytes:
    nodes = b"".join(message(3, message(2, operator.encode())) for operator in operators)
    return message(1, message(1, message(1, name.encode())) + nodes + more)


def written(folder: Path, *functions: bytes, objects: bytes = b"an object") -> Path:
    library = message(2, b"".join(functions))
    graph = message(2, message(2, library) + (message(7, objects) if objects else b""))
    (folder / "saved_model.pb").write_bytes(b"\x08\x01" + graph)
    return folder / "saved_model.pb"


def test_operators_are_counted_and_files_next_to_it_named(tmp_path: Path) -> None:
    (tmp_path / "fingerprint.pb").write_bytes(b"")
    saver = function("save", "SaveV2", "StringJoin", "Const")
    found = read_contents(written(tmp_path, function("serve", "MatMul", "Erf", "MatMul"), saver))
    assert found.operators == {"MatMul": 2, "Erf": 1}
    assert (found.opset, found.foreign, found.locations) == (1, set(), {"fingerprint.pb"})


def test_what_writes_files_is_foreign_where_something_can_reach_it(tmp_path: Path) -> None:
    saver = function("save", "SaveV2", "Const")
    calls = function("serve", "PartitionedCall", more=message(4, b"f: save"))
    assert read_contents(written(tmp_path, calls, saver)).foreign == {"SaveV2"}
    assert read_contents(written(tmp_path, saver, objects=b"runs save")).foreign == {"SaveV2"}
    assert read_contents(written(tmp_path, function("f", "WriteFile"))).foreign == {"WriteFile"}
    (tmp_path / "saved_model.cpb").write_bytes(b"")
    assert read_contents(written(tmp_path, saver)).foreign == {"saved_model.cpb"}


def test_another_file_is_one_sentence(tmp_path: Path) -> None:
    path = written(tmp_path, function("f", "Add"), objects=b"")
    with pytest.raises(CheckpointError, match=r"model of TensorFlow 2.*no objects of one graph"):
        read_contents(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(CheckpointError, match="damaged or another kind of file"):
        read_contents(path)
    with pytest.raises(CheckpointError, match="a function has no name"):
        read_contents(written(tmp_path, function("")))
    with pytest.raises(CheckpointError, match="must be readable"):
        read_contents(tmp_path / "missing.pb")


def test_functions_that_use_files_are_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(savedmodel_contents, "MAX_FILE_FUNCTIONS", 1)
    read_contents(written(tmp_path, function("a", "SaveV2")))
    with pytest.raises(CheckpointError, match="more than 1 functions use files"):
        read_contents(written(tmp_path, function("a", "SaveV2"), function("b", "SaveV2")))
