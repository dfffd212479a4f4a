"""Inputs of every format, a line number for each bad row, nothing read ahead; results as JSON."""

from __future__ import annotations

import gzip
import io
import sys
from typing import Any

import pytest

from distilbert.cli.columns import Fields
from distilbert.cli.rows import Inputs
from distilbert.data import sources
from distilbert.data.rows import Row
from distilbert.errors import DataError, InputError
from distilbert.training.run_card import DataSection


def pipe_in(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


def read(*texts: str, **options: Any) -> list[Any]:
    return list(Inputs(list(texts), **options).rows())


def test_texts_of_the_line_come_as_they_are():
    assert read("a", "b") == ["a", "b"]
    with pytest.raises(InputError, match="either texts or `--input`: got both"):
        read("a", input_file="file.txt")


@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.txt", b"one\r\n\ntwo", ["one", "", "two"]),
        ("a.txt", b"\xef\xbb\xbfcaf\xc3\xa9\n", ["café"]),
        ("a.log", b"one\n", ["one"]),
        ("a.txt.gz", gzip.compress(b"one\ntwo\n", mtime=0), ["one", "two"]),
        ("a.jsonl", b'"x"\n\n{"text": "y"}\n', ["x", {"text": "y"}]),
        ("a.json", b'"x"\n{"text": "y"}\n', ["x", {"text": "y"}]),
        ("a.json", b'{"text": "y"}\n', [{"text": "y"}]),
        ("a.json", b'["x",\n {"text": "y"}]', ["x", {"text": "y"}]),
        ("a.csv", b'text,n\n"a, b",1\n', [{"text": "a, b", "n": "1"}]),
        ("a.csv", b"\xef\xbb\xbftext;n\r\na, b;1\r\n", [{"text": "a, b", "n": "1"}]),
        ("a.tsv", b"text\tn\nx\t2\n", [{"text": "x", "n": "2"}]),
        ("a.tsv", b'text\tn\n"say ""x"""\t2\n', [{"text": 'say "x"', "n": "2"}]),
        ("a.tsv", b'text\tn\n"No," he said\t2\n', [{"text": '"No," he said', "n": "2"}]),
        ("a.conll", b"A b\n", [{"tokens": ["A"], "tags": ["b"]}]),
    ],
)
def test_a_file_is_read_by_its_suffix(tmp_path, name, content, rows):
    (tmp_path / name).write_bytes(content)
    assert read(input_file=str(tmp_path / name)) == rows


def test_each_file_of_a_folder_or_pattern_has_its_format(tmp_path):
    (tmp_path / "a.csv").write_text("text,n\nx,1\n")
    (tmp_path / "b.txt").write_text("one\n")
    expected = [{"text": "x", "n": "1"}, "one"]
    assert read(input_file=str(tmp_path)) == read(input_file=str(tmp_path / "*")) == expected
    (tmp_path / "c[1].log").write_text("two\n")
    assert read(input_file=str(tmp_path / "c[1].log")) == ["two"]


def test_the_text_of_a_row_may_have_another_usual_name(tmp_path):
    (tmp_path / "a.csv").write_text("id,review\n1,x\n")
    assert list(Inputs(input_file=str(tmp_path / "a.csv")).texts_only()) == ["x"]


def test_a_data_set_of_the_hub_is_read(monkeypatch):
    rows = [Row({"text": "a"}, "hub:a/b:test row 1")]
    monkeypatch.setattr(sources, "read_hub_set", lambda source: iter(rows))
    assert read(input_file="hub:a/b:test") == [{"text": "a"}]
    assert list(Inputs(input_file="hub:a/b:test").whole_texts()) == [{"text": "a"}]


def test_the_encoding_can_be_named(monkeypatch):
    pipe_in(monkeypatch, "café\n".encode("cp1252"))
    assert read(encoding="cp1252") == ["café"]
    pipe_in(monkeypatch, "café\n".encode("utf-16"))
    assert read(encoding="utf-16") == ["café"]


def test_standard_input_is_text_unless_another_format_is_named(monkeypatch):
    pipe_in(monkeypatch, b"{}\n")
    assert read() == ["{}"]
    pipe_in(monkeypatch, b"{}\n")
    assert read(input_file="-", data_format="jsonl") == [{}]


@pytest.mark.parametrize(
    ("data_format", "content", "text"),
    [
        (
            "jsonl",
            b'{"a": 1}\n{"a"\n',
            "must be a JSON object .* In standard input line 2: got .Exp",
        ),
        ("jsonl", b"3\n", "a JSON object or a JSON string. In standard input line 1: got 3"),
        ("csv", b"a,b\n1\n", "as many cells as there are columns, 2. In standard input line 2"),
        ("csv", b"a,b\n1,2,3\n", "as many cells as there are columns, 2. In standard input line 2"),
        ("csv", b'a\n"x"y\n', "must be valid CSV. In standard input line 2"),
        (
            "text",
            b"ok\n\xe9\n",
            "encoding utf-8.* `encoding` cp1252. In standard input line 2: got",
        ),
    ],
)
def test_a_broken_row_is_named_by_its_line(monkeypatch, data_format, content, text):
    pipe_in(monkeypatch, content)
    with pytest.raises(DataError, match=text):
        read(input_file="-", data_format=data_format)


def test_rows_are_not_read_ahead(monkeypatch):
    for data_format, content in (("jsonl", b'"good"\nbroken\n'), ("csv", b'text\ngood\n"x"y\n')):
        pipe_in(monkeypatch, content)
        rows = Inputs(input_file="-", data_format=data_format).texts_only()
        assert next(rows) == "good"
        with pytest.raises(DataError):
            next(rows)


def test_a_missing_file_an_unknown_format_and_no_input_at_all_are_explained(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="must be a file that exists"):
        Inputs(input_file=str(tmp_path / "none.txt")).rows()
    with pytest.raises(DataError, match="`data_format` must be one of csv, tsv, jsonl"):
        Inputs(input_file="-", data_format="xml").rows()
    terminal = io.TextIOWrapper(io.BytesIO())
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(InputError, match="There is no input"):
        Inputs().rows()


def test_columns_are_renamed_for_the_task(monkeypatch):
    rows = b'{"review": "x", "n": 1}\n'
    pipe_in(monkeypatch, rows)
    assert read(data_format="jsonl", field=["text=review"]) == [{"n": 1, "text": "x"}]
    for field, data_format, text in (
        ("text", "jsonl", "`--field` must look like"),
        ("text=a", "text", "needs rows with columns"),
        ("text=a", "jsonl", "must have the column 'a': got review, n"),
    ):
        pipe_in(monkeypatch, rows)
        with pytest.raises(InputError, match=text):
            read(data_format=data_format, field=[field])


def test_a_file_without_header_has_the_columns_of_the_run(tmp_path):
    data = DataSection(column_names=("label", "review"))
    fields = Fields(data=data)
    (tmp_path / "a.csv").write_text("1,good\n0,bad\n")
    rows = list(Inputs(input_file=str(tmp_path / "a.csv")).rows(fields))
    assert rows[1] == {"label": "0", "review": "bad"}
    for content in ("id,review\n1,good\n", "id,review,label\n1,good,x\n"):
        (tmp_path / "a.csv").write_text(content)
        (row,) = Inputs(input_file=str(tmp_path / "a.csv")).rows(fields)
        assert (row["id"], row["review"]) == ("1", "good")
    data = DataSection(glue="cola")
    (tmp_path / "dev.tsv").write_text("gj04\t1\t\tBill broke it.\n")
    ((given, row),) = Inputs(input_file=str(tmp_path / "dev.tsv")).pairs(Fields(data=data))
    assert given == {"source": "gj04", "label": "1", "star": "", "sentence": "Bill broke it."}
    assert row["text"] == "Bill broke it."


def test_columns_of_conll_are_those_of_the_run(tmp_path):
    (tmp_path / "a.conll").write_text("1\tAnna\tB-PER\n")
    fields = Fields(("tokens",), DataSection(tokens="1"))
    (row,) = Inputs(input_file=str(tmp_path / "a.conll")).rows(fields)
    assert row["tokens"] == ["Anna"]
