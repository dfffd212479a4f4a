"""Columns of CSV and TSV files; a bad row is reported, the others are read."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from distilbert.data.csv_records import NOT_CSV
from distilbert.data.lines import Lines
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.tables import read_table
from distilbert.errors import DataError


def read(
    folder: Path, content: str | bytes, *, tabs: bool, **options: Any
) -> tuple[list[Row], Problems]:
    path = folder / "x"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    problems = Problems()
    lines = Lines(path, "x", "utf-8", problems)
    return list(read_table(lines, tabs=tabs, **options)), problems


def values(rows: list[Row]) -> list[list[Any]]:
    return [list(row.values.values()) for row in rows]


def test_quotes_are_characters_in_tsv(tmp_path: Path) -> None:
    content = 'text\tlabel\n"An open quote\t1\r\nsays "no"\t0\n\n\t1\n'
    rows, problems = read(tmp_path, content, tabs=True)
    assert not len(problems)
    assert values(rows) == [['"An open quote', "1"], ['says "no"', "0"], ["", "1"]]
    assert list(rows[0].values) == ["text", "label"]
    assert [row.place for row in rows] == ["x line 2", "x line 3", "x line 5"]


def test_quoted_cells_of_csv_hold_commas_quotes_and_newlines(tmp_path: Path) -> None:
    content = 'text,label\r\n"a, ""b""\nc",1\r\nd\u2028e,0\r\n\r\n'
    rows, problems = read(tmp_path, content, tabs=False)
    assert not len(problems)
    assert values(rows) == [['a, "b"\nc', "1"], ["d\u2028e", "0"]]
    assert [row.place for row in rows] == ["x line 2", "x line 4"]


@pytest.mark.parametrize("mark", [";", "\t"])
def test_csv_may_be_separated_by_semicolons_or_tabs(tmp_path: Path, mark: str) -> None:
    rows, _ = read(tmp_path, f"text{mark}label\na, b{mark}1\n", tabs=False)
    assert rows[0].values == {"text": "a, b", "label": "1"}


def test_a_file_with_one_column_may_contain_any_mark_in_its_rows(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "text\na; b\tc\n", tabs=False)
    assert values(rows) == [["a; b\tc"]]


def test_the_nameless_index_that_pandas_writes_is_left_out(tmp_path: Path) -> None:
    # The output of: pandas.DataFrame({"text": ["a, b", 'say "c"'], "label": [1, 0]}).to_csv()
    rows, problems = read(tmp_path, ',text,label\n0,"a, b",1\n1,"say ""c""",0\n', tabs=False)
    assert not len(problems)
    assert rows[1].values == {"text": 'say "c"', "label": "0"}


@pytest.mark.parametrize("tabs", [False, True])
def test_columns_without_a_name_are_left_out(tmp_path: Path, tabs: bool) -> None:
    content = "v1|v2|||\nham|Go on|||\nspam|Free|x||\n".replace("|", "\t" if tabs else ",")
    rows, problems = read(tmp_path, content, tabs=tabs)
    assert not len(problems)
    assert [row.values for row in rows] == [
        {"v1": "ham", "v2": "Go on"},
        {"v1": "spam", "v2": "Free"},
    ]


def test_the_last_of_columns_with_one_name_is_kept_where_names_may_repeat(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "a,a,\n1,2,3\n", tabs=False, unique_names=False)
    assert rows[0].values == {"a": "2", "": "3"}


@pytest.mark.parametrize("tabs", [False, True])
def test_rows_of_another_width_are_reported_and_left_out(tmp_path: Path, tabs: bool) -> None:
    mark = "\t" if tabs else ","
    content = "a|b\n1|2\n3\n4|5|6\n7|8\n".replace("|", mark)
    rows, problems = read(tmp_path, content, tabs=tabs)
    assert values(rows) == [["1", "2"], ["7", "8"]]
    assert problems.found == {
        "A row must have as many cells as there are columns, 2.": [
            ("x line 3", "['3']"),
            ("x line 4", "['4', '5', '6']"),
        ]
    }


def test_a_broken_quote_is_reported_by_the_line_its_row_begins_in(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, 'a,b\n"x"y,1\nz,2\n"open,3\nw,4\n', tabs=False)
    assert values(rows) == [["z", "2"], ["w", "4"]]
    assert [place for place, _ in problems.found[NOT_CSV]] == ["x line 2", "x line 4"]


def test_an_unclosed_quote_drops_only_its_row(tmp_path: Path) -> None:
    lines = [f"row {i},{i}" for i in range(500)]
    lines[2], lines[3], lines[7] = 'a "good" one,2', '"inch,3', '"two'
    rows, problems = read(tmp_path, "\n".join(["a,b", *lines]), tabs=False)
    assert [int(cell) for _, cell in values(rows)] == [i for i in range(500) if i not in (3, 7)]
    assert problems.found == {
        NOT_CSV: [
            ("x line 5", repr("',' expected after '\"', in the record up to line 9")),
            ("x line 9", repr("unexpected end of data, in the record up to line 501")),
        ]
    }


@pytest.mark.parametrize("tabs", [False, True])
def test_a_row_with_an_unreadable_line_is_left_out(tmp_path: Path, tabs: bool) -> None:
    mark = b"\t" if tabs else b","
    content = b"a|b\n1|2\n\xff|4\n5|6\n".replace(b"|", mark)
    rows, problems = read(tmp_path, content, tabs=tabs)
    assert values(rows) == [["1", "2"], ["5", "6"]]
    assert len(problems) == 1


def test_a_quoted_row_with_an_unreadable_line_inside_is_left_out(tmp_path: Path) -> None:
    rows, problems = read(tmp_path, b'a,b\n"1\n\xff\n",2\n3,4\n', tabs=False)
    # The quote that closes the cell is on a line of its own, so the row ends where it should.
    assert values(rows) == [["3", "4"]]
    assert len(problems) == 1


def test_columns_can_be_named_where_the_file_does_not(tmp_path: Path) -> None:
    rows, _ = read(tmp_path, "a\t1\nb\t0\n", tabs=True, column_names=("text", "label"))
    assert [dict(row.values) for row in rows] == [
        {"text": "a", "label": "1"},
        {"text": "b", "label": "0"},
    ]
    assert rows[0].place == "x line 1"


def test_a_first_line_that_cannot_be_a_header_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x must name each column once: .*`column_names`"):
        read(tmp_path, "a\tb\ta\n", tabs=True)


def test_a_cell_may_be_longer_than_python_usually_lets_it(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    rows, problems = read(tmp_path, f"a,b\n{'x' * 200_000},1\n", tabs=False)
    assert not len(problems)
    assert len(rows[0].values["a"]) == 200_000
    assert csv.field_size_limit() == before


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    for tabs in (False, True):
        assert read(tmp_path, "", tabs=tabs)[0] == []
