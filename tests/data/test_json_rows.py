"""Objects and strings of JSON files become rows; other values are reported by their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.data.json_rows import NOT_A_LIST, NOT_A_ROW, read_json, read_jsonl
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


def test_a_broken_line_is_reported_with_where_it_breaks_in_that_line(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, b'{"a": 1}\n{"a": \n')
    list(read_jsonl(lines))
    assert lines.problems.found[NOT_A_ROW] == [
        ("x line 2", repr('Expecting value at character 6 of {"a":'))
    ]
    # Some messages of Python end in "at"
    lines = lines_of(tmp_path, '{"a": "b')
    list(read_jsonl(lines))
    assert lines.problems.found[NOT_A_ROW] == [
        ("x line 1", repr('Unterminated string starting at character 7 of {"a": "b'))
    ]


def test_broken_lines_are_reported_by_number_and_reading_goes_on(tmp_path: Path) -> None:
    deep = b"[" * 100_000
    content = b'{"a": 1}\n{"a": 1\n[1]\n3\n\xff\n' + deep + b'\n{"a": 2}\n'
    lines = lines_of(tmp_path, content)
    assert [row.values for row in read_jsonl(lines)] == [{"a": 1}, {"a": 2}]
    assert places(lines.problems, NOT_A_ROW) == ["x line 2", "x line 3", "x line 4", "x line 6"]
    _, got = lines.problems.found[NOT_A_ROW][0]
    assert "delimiter" in got
    assert len(lines.problems) == 5


def test_strings_are_texts(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, '"x"\n{"text": "y"}\n')
    assert list(read_jsonl(lines)) == [
        Row({"text": "x"}, "x line 1", is_text=True),
        Row({"text": "y"}, "x line 2"),
    ]
    (row,) = read_json(lines_of(tmp_path, '["a"]'))
    assert row == Row({"text": "a"}, "x [0]", is_text=True)


@pytest.mark.parametrize("content", ['[{"a": 1}, 2]', '{"version": 1, "data": [{"a": 1}, 2]}'])
def test_a_document_holds_a_list_of_objects(tmp_path: Path, content: str) -> None:
    lines = lines_of(tmp_path, content)
    assert list(read_json(lines)) == [Row({"a": 1}, "x [0]")]
    assert lines.problems.found == {NOT_A_ROW: [("x [1]", "2")]}


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
    assert places(lines.problems, NOT_A_ROW) == ["x line 3"]


def test_objects_that_jq_writes_over_several_lines_are_rows(tmp_path: Path) -> None:
    # The output of: jq -n '{a: 1, b: "x"}, {a: 2, b: null}'
    content = '{\n  "a": 1,\n  "b": "x"\n}\n{\n  "a": 2,\n  "b": null\n}\n'
    rows = list(read_json(lines_of(tmp_path, content)))
    assert rows == [Row({"a": 1, "b": "x"}, "x [0]"), Row({"a": 2, "b": None}, "x [1]")]


def test_lines_under_the_name_of_a_document_are_not_read_ahead(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, '{"a": 1}\n{"a": 2}\nbroken\n')
    rows = read_json(lines)
    assert [next(rows).values["a"], next(rows).values["a"]] == [1, 2]
    assert not len(lines.problems)


@pytest.mark.parametrize("content", ['{"text": "x"}\n', '"x"', '{\n"text": "x"\n}'])
def test_a_document_may_be_a_single_row_where_that_is_allowed(tmp_path: Path, content: str) -> None:
    (row,) = read_json(lines_of(tmp_path, content), single=True)
    assert row.values == {"text": "x"}
    lines = lines_of(tmp_path, '{"data": []}')
    assert list(read_json(lines, single=True)) == []
    assert not len(lines.problems)


@pytest.mark.parametrize("content", ["3", '{"a": 1}', "[{", ""])
def test_another_document_is_reported(tmp_path: Path, content: str) -> None:
    lines = lines_of(tmp_path, content)
    assert list(read_json(lines)) == []
    assert places(lines.problems, NOT_A_LIST) == ["x"]


def test_a_document_with_unreadable_bytes_has_no_rows_and_one_problem(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, b'[{"a": "\xff"}]')
    assert list(read_json(lines)) == []
    assert len(lines.problems) == 1


def test_a_lone_surrogate_is_replaced_where_it_is_read(tmp_path: Path) -> None:
    content = '{"text": "good \\ud83d film", "label": "\\ude00"}\n{"text": "\\ud83d\\ude00"}\n'
    lines = lines_of(tmp_path, content)
    assert [row.values for row in read_jsonl(lines)] == [
        {"text": "good \ufffd film", "label": "\ufffd"},
        {"text": "😀"},
    ]
    assert lines.problems.found == {}
