"""Rows passed in Python: whatever the table, the same rows."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from distilbert.data.memory import describe, names_sources, rows_in_memory, sources_of
from distilbert.data.rows import Row
from distilbert.errors import DataError

VALUES = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
ROWS = [Row(VALUES[0], "train row 1"), Row(VALUES[1], "train row 2")]


class Table:
    """A stand-in for a table of polars or Arrow."""

    def __init__(self, method: str) -> None:
        setattr(self, method, lambda: VALUES)


class DataSet:
    """A stand-in for a split of the package datasets."""

    column_names = ("text", "label")
    features: ClassVar[Any] = {"text": None, "label": SimpleNamespace(names=["x", "y"])}

    def __iter__(self) -> Any:
        return iter([{"text": "a", "label": 0}, {"text": "b", "label": 1}])


def test_a_stream_without_known_features_keeps_its_values() -> None:
    stream = DataSet()
    vars(stream)["features"] = None
    found = rows_in_memory(stream, "train")
    assert [row.values["label"] for row in found] == [0, 1]


@pytest.mark.parametrize(
    "value",
    [
        VALUES,
        tuple(VALUES),
        iter(VALUES),
        {"text": ["a", "b"], "label": np.array(["x", "y"])},
        Table("to_dicts"),
        Table("to_pylist"),
        DataSet(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_form_of_a_table_has_the_same_rows(value: Any) -> None:
    assert not names_sources(value)
    assert [Row(dict(row.values), row.place) for row in rows_in_memory(value, "train")] == ROWS


def test_missing_values_of_a_data_frame_are_none_and_the_frame_is_not_changed() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": ["a", None], "label": [1.0, float("nan")], 3: [True, False]})
    before = frame.copy()
    assert [row.values for row in rows_in_memory(frame, "dev")] == [
        {"text": "a", "label": 1.0, "3": True},
        {"text": None, "label": None, "3": False},
    ]
    pandas.testing.assert_frame_equal(frame, before)
    assert rows_in_memory(frame["text"][:1], "dev") == [Row({"text": "a"}, "dev row 1", True)]


def test_names_of_files_are_not_rows() -> None:
    for value in (None, "a.csv", Path("a.csv"), ["a.csv", Path("b.csv")], []):
        assert names_sources(value)
    assert sources_of(None) == ()
    assert sources_of(Path("a.csv")) == ("a.csv",)
    assert sources_of(["a.csv", Path("b.csv")]) == ("a.csv", "b.csv")
    assert describe([{}], 1) == "memory:list of 1 rows"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (3, "`train` must be a file name, .*: got int"),
        ([("a", "x")], "A row must be a dict of columns or a text: got tuple in train row 1"),
        ({"text": ["a"], "label": ["x", "y"]}, "not columns of one length"),
        ({"text": "a", "label": "x"}, "not columns of one length"),
        ({"train": DataSet(), "test": DataSet()}, r"got train, test\. Pass one, such as .*'train'"),
    ],
)
def test_what_is_not_rows_is_refused(value: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        rows_in_memory(value, "train")
