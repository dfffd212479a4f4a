"""Objects of JSON lines and documents become rows; what is no object is told by its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.data.json_rows import NOT_A_LIST, NOT_AN_OBJECT, read_json, read_jsonl
from distilbert.data.lines import Lines
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.squad import NOT_SQUAD

SQUAD = (
    '{"data": [{"paragraphs": [{"context": "A b.", "qas": [{"id": "q", "question": "What?",'
    ' "answers": [{"text": "A", "answer_start": 0}]}]}]}]}'
)


def lines_of(folder: Path, content: str | bytes) -> Lines:
    (folder / "x").write_bytes(content if isinstance(content, bytes) else content.encode())
    return Lines(folder / "x", "x", "utf-8", Problems())


def places(problems: Problems, rule: str) -> list[str]:
    return [place for place, _ in problems.found[rule]]


def test_lines_of_objects_become_rows(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, '{"a": "\u2028"}\r\n\n{"a": [1, {"b": null}]}')
    assert list(read_jsonl(lines)) == [
        Row({"a": "\u2028"}, "x line 1"),
        Row({"a": [1, {"b": None}]}, "x line 3"),
    ]


def test_a_broken_line_is_told_with_where_it_breaks_in_that_line(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, b'{"a": 1}\n{"a": \n')
    list(read_jsonl(lines))
    assert lines.problems.found[NOT_AN_OBJECT] == [
        ("x line 2", repr('Expecting value at character 6 of {"a":'))
    ]


def test_broken_lines_are_told_by_number_and_reading_goes_on(tmp_path: Path) -> None:
    deep = b"[" * 100_000
    content = b'{"a": 1}\n{"a": 1\n[1]\n"text"\n\xff\n' + deep + b'\n{"a": 2}\n'
    lines = lines_of(tmp_path, content)
    assert [row.values for row in read_jsonl(lines)] == [{"a": 1}, {"a": 2}]
    assert places(lines.problems, NOT_AN_OBJECT) == ["x line 2", "x line 3", "x line 4", "x line 6"]
    _, got = lines.problems.found[NOT_AN_OBJECT][0]
    assert "delimiter" in got
    assert len(lines.problems) == 5


@pytest.mark.parametrize("content", ['[{"a": 1}, 2]', '{"version": 1, "data": [{"a": 1}, 2]}'])
def test_a_document_holds_a_list_of_objects(tmp_path: Path, content: str) -> None:
    lines = lines_of(tmp_path, content)
    assert list(read_json(lines)) == [Row({"a": 1}, "x [0]")]
    assert lines.problems.found == {NOT_AN_OBJECT: [("x [1]", "2")]}


def test_articles_with_paragraphs_are_read_as_squad(tmp_path: Path) -> None:
    (row,) = read_json(lines_of(tmp_path, SQUAD))
    assert row.values["answers"] == {"text": ["A"], "answer_start": [0]}
    assert row.place == "x data[0].paragraphs[0].qas[0]"


def test_what_should_be_squad_is_held_to_it(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, '[{"a": 1}]')
    assert list(read_json(lines, squad=True)) == []
    assert places(lines.problems, NOT_SQUAD) == ["x data[0]"]


def test_lines_under_the_name_of_a_document_are_read_as_lines(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, '\n{"a": 1}\n{"a": 2\n{"a": 3}\n')
    assert list(read_json(lines)) == [Row({"a": 1}, "x line 2"), Row({"a": 3}, "x line 4")]
    assert places(lines.problems, NOT_AN_OBJECT) == ["x line 3"]


@pytest.mark.parametrize("content", ["3", '{"a": 1}', "[{", ""])
def test_another_document_is_told(tmp_path: Path, content: str) -> None:
    lines = lines_of(tmp_path, content)
    assert list(read_json(lines)) == []
    assert places(lines.problems, NOT_A_LIST) == ["x"]


def test_a_document_with_unreadable_bytes_has_no_rows_and_one_problem(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, b'[{"a": "\xff"}]')
    assert list(read_json(lines)) == []
    assert len(lines.problems) == 1
