"""Results as files of each format, complete or not at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from distilbert.cli.outputs import beside, json_line, output_stream, table_format, table_output
from distilbert.errors import DataError, InputError


def test_an_output_file_appears_only_when_everything_went_well(tmp_path):
    target = tmp_path / "out.jsonl"
    with pytest.raises(TypeError), output_stream(str(target)) as stream:
        print("half", file=stream, end=3)
    assert list(tmp_path.iterdir()) == []
    with output_stream(str(target)) as stream:
        stream.write("whole é\n")
    assert target.read_text(encoding="utf-8") == "whole é\n"


def test_json_lines_hold_arrays_as_lists_and_keep_letters():
    line = json_line({"é": np.float32(0.5), "v": np.arange(2)})
    assert line == '{"é": 0.5, "v": [0, 1]}'
    assert json.loads(line)["v"] == [0, 1]
    with pytest.raises(TypeError, match="set has no JSON form"):
        json_line({1})


def test_the_suffix_decides_the_format():
    names = [None, "-", "a.txt", "a.csv", "a.TSV", "a.jsonl", "a.ndjson", "a.parquet"]
    formats = [None, None, None, "csv", "tsv", "jsonl", "jsonl", "parquet"]
    assert [table_format(name) for name in names] == formats


def test_an_answer_replaces_no_column_of_the_input():
    row = {"label": "a", "predicted_label": "b"}
    assert beside(row, {"label": "c", "score": 1.0}) == {
        **row,
        "predicted_predicted_label": "c",
        "score": 1.0,
    }


ROWS = [{"id": 1, "text": 'a "b", é\n', "v": np.float32([0.5, 1])}, {"id": 2, "text": "", "v": []}]


def write(path: Path, rows: list) -> Path:
    kind = table_format(str(path))
    assert kind is not None
    with table_output(str(path), kind) as add:
        for row in rows:
            add(row)
    return path


def test_tables_hold_the_rows(tmp_path):
    with write(tmp_path / "a.csv", ROWS).open(newline="") as file:
        cells = list(csv.DictReader(file))
    assert cells[0] == {"id": "1", "text": 'a "b", é\n', "v": "[0.5, 1.0]"}
    lines = write(tmp_path / "a.jsonl", ROWS).read_text().splitlines()
    assert [json.loads(line)["v"] for line in lines] == [[0.5, 1.0], []]
    parquet = pytest.importorskip("pyarrow.parquet")
    found = parquet.read_table(write(tmp_path / "a.parquet", ROWS)).to_pylist()
    assert found == [
        {"id": 1, "text": 'a "b", é\n', "v": [0.5, 1.0]},
        {"id": 2, "text": "", "v": []},
    ]


def test_a_column_missing_in_the_first_row_is_named(tmp_path):
    with pytest.raises(DataError, match=r"got one with b\. A file that ends in \.jsonl"):
        write(tmp_path / "a.csv", [{"a": 1}, {"a": 1, "b": 2}])
    assert list(tmp_path.iterdir()) == []
    assert write(tmp_path / "a.csv", [{"a": 1, "b": 2}, {"a": 1}]).read_text() == "a,b\n1,2\n1,\n"


def test_an_output_that_cannot_be_written_is_named_before_the_work(tmp_path):
    with pytest.raises(InputError) as caught, output_stream(str(tmp_path / "no" / "a.csv")):
        pytest.fail("the work must not begin")
    assert "`output`: The output must be a writable file" in str(caught.value)
    assert str(tmp_path / "no" / "a.csv") in str(caught.value)
    with (
        pytest.raises(InputError, match=r"`output` could not be written: /dev/full: No space left"),
        output_stream("/dev/full") as stream,
    ):
        stream.write("x")
