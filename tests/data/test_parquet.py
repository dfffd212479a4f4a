"""Parquet files become rows of plain values; without pyarrow one sentence says what to install."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from distilbert.data.parquet import read_parquet
from distilbert.data.rows import Row
from distilbert.errors import DataError, MissingDependencyError

TABLE = [[{"text": "a", "labels": [0, 1]}, {"text": "b", "labels": []}], [{"text": None}]]


class FakeFile:
    """Batches of rows, as pyarrow's ParquetFile hands them out."""

    def __init__(self, path: Path, *, buffer_size: int, pre_buffer: bool) -> None:
        assert buffer_size
        assert not pre_buffer
        if not path.read_bytes().startswith(b"PAR1"):
            raise ValueError("no magic bytes")
        self.metadata = SimpleNamespace(num_rows=path.read_bytes().count(b"r") or 3)

    def iter_batches(self, batch_size: int) -> Iterator[Any]:
        for rows in TABLE:
            yield SimpleNamespace(to_pylist=lambda rows=rows: rows)


@pytest.fixture
def fake_pyarrow(monkeypatch: pytest.MonkeyPatch) -> None:
    package, module = ModuleType("pyarrow"), ModuleType("pyarrow.parquet")
    module.ParquetFile = FakeFile  # type: ignore[attr-defined]
    package.ArrowException = RuntimeError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pyarrow", package)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", module)


@pytest.mark.usefixtures("fake_pyarrow")
def test_rows_are_counted_over_batches(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    assert list(read_parquet(tmp_path / "x.parquet", "x.parquet")) == [
        Row({"text": "a", "labels": [0, 1]}, "x.parquet row 1"),
        Row({"text": "b", "labels": []}, "x.parquet row 2"),
        Row({"text": None}, "x.parquet row 3"),
    ]


@pytest.mark.usefixtures("fake_pyarrow")
def test_a_file_of_another_kind_is_reported(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"text")
    with pytest.raises(DataError, match=r"x\.parquet must be a Parquet file: no magic bytes"):
        read_parquet(tmp_path / "x.parquet", "x.parquet")


def test_without_pyarrow_the_command_that_installs_it_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"needed to read Parquet .*: pip install"):
        read_parquet(tmp_path / "x.parquet", "x.parquet")


def test_pyarrow_itself_is_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [{"text": f"t{i}", "labels": [i, i + 1]} for i in range(2500)]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "x.parquet")
    read = list(read_parquet(tmp_path / "x.parquet", "x"))
    assert [row.values for row in read] == rows
    assert read[-1].place == "x row 2500"
    (tmp_path / "y.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match="must be a Parquet file"):
        read_parquet(tmp_path / "y.parquet", "y")


@pytest.mark.usefixtures("fake_pyarrow")
def test_rows_without_content_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.parquet").write_bytes(b"PAR1" + b"r" * 9)
    monkeypatch.setattr("distilbert.data.parquet.MAX_ROWS_PER_BYTE", 0.5)
    with pytest.raises(DataError, match=r"x\.parquet has 9 rows in 13 bytes"):
        read_parquet(tmp_path / "x.parquet", "x.parquet")
