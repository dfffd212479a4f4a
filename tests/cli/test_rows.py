"""Rows in and out: every format, a line number for every broken row, nothing read ahead."""

from __future__ import annotations

import io
import json
import sys

import numpy as np
import pytest

from distilbert.cli.rows import json_line, output_stream, read_rows, rename_fields
from distilbert.errors import InputError


def pipe_in(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def test_texts_of_the_line_come_as_they_are():
    assert list(read_rows(["a", "b"], None, None)) == ["a", "b"]
    with pytest.raises(InputError, match="got both, give one"):
        read_rows(["a"], "file.txt", None)


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.txt", b"one\r\n\ntwo", ["one", "", "two"]),
        ("a.txt", b"\xef\xbb\xbfcaf\xc3\xa9\n", ["café"]),
        ("a.jsonl", b'"x"\n\n{"text": "y"}\n', ["x", {"text": "y"}]),
        ("a.csv", b'text,n\n"a, b",1\n', [{"text": "a, b", "n": "1"}]),
        ("a.tsv", b"text\tn\nx\t2\n", [{"text": "x", "n": "2"}]),
    ],
)
def test_a_file_is_read_by_its_suffix(tmp_path, name, content, rows):
    (tmp_path / name).write_bytes(content)
    assert list(read_rows(None, str(tmp_path / name), None)) == rows


def test_standard_input_is_text_unless_said_otherwise(monkeypatch):
    pipe_in(monkeypatch, b"{}\n")
    assert list(read_rows(None, None, None)) == ["{}"]
    pipe_in(monkeypatch, b"{}\n")
    assert list(read_rows(None, "-", "jsonl")) == [{}]


@pytest.mark.parametrize(
    ("format_name", "content", "text"),
    [
        ("jsonl", b'{"a": 1}\n{"a"\n', "Line 2 of standard input must be JSON"),
        ("jsonl", b"3\n", "Line 1 of standard input must hold a text or an object: got int"),
        ("csv", b"a,b\n1\n", "Line 2 of standard input must have 2 cells"),
        ("csv", b"a,b\n1,2,3\n", "Line 2 of standard input must have 2 cells"),
        ("csv", b'a\n"x"y\n', "Line 2 of standard input is no valid row"),
        ("text", b"ok\n\xff\n", "Inputs must be UTF-8: standard input is not"),
    ],
)
def test_a_broken_row_is_named_by_its_line(monkeypatch, format_name, content, text):
    pipe_in(monkeypatch, content)
    with pytest.raises(InputError, match=text):
        list(read_rows(None, "-", format_name))


def test_rows_are_not_read_ahead(monkeypatch):
    pipe_in(monkeypatch, b'"good"\nbroken\n')
    rows = read_rows(None, "-", "jsonl")
    assert next(rows) == "good"


def test_a_missing_file_an_unknown_format_and_no_input_at_all_are_explained(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="`--input` must be an existing file"):
        read_rows(None, str(tmp_path / "none.txt"), None)
    with pytest.raises(InputError, match="`--input-format` must be one of text, jsonl, csv, tsv"):
        read_rows(None, "-", "xml")
    terminal = io.TextIOWrapper(io.BytesIO())
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(InputError, match="There must be something to read"):
        read_rows(None, None, None)


def test_fields_are_renamed_for_the_task():
    assert list(rename_fields([{"review": "x", "n": 1}], ["text=review"])) == [
        {"n": 1, "text": "x"}
    ]
    assert list(rename_fields(["plain"], None)) == ["plain"]
    for pairs, rows, text in (
        (["text"], [{}], "`--field` must look like"),
        (["text=a"], ["x"], "needs rows with columns"),
        (["text=a"], [{"b": 1}], "Column 'a' must be in every row: got b"),
    ):
        with pytest.raises(InputError, match=text):
            list(rename_fields(rows, pairs))


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
