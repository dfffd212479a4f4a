"""Records of CSV; what tables make of them is in `test_tables.py`."""

from __future__ import annotations

import io

from distilbert.data.csv_records import csv_records
from distilbert.data.lines import Lines
from distilbert.data.problems import Problems


def test_quoted_cells_may_be_separated_by_tabs() -> None:
    content = b'text,x\ty\n"say ""a""\tb"\t1\n'
    lines = Lines(io.BytesIO(content), "x", "utf-8", Problems())
    records = list(csv_records(lines, delimiter="\t"))
    assert records == [(1, ["text,x", "y"]), (2, ['say "a"\tb', "1"])]


def test_lines_that_were_read_before_can_be_passed() -> None:
    lines = Lines(io.BytesIO(b""), "x", "utf-8", Problems())
    assert list(csv_records(lines, [(7, "a;b\n"), (8, "1;2\n")])) == [
        (7, ["a", "b"]),
        (8, ["1", "2"]),
    ]
