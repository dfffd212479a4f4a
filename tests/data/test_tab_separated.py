"""Which quotes of TSV files enclose a cell, and which are characters of it."""

from __future__ import annotations

import csv
import io

import pytest

from distilbert.data.lines import Lines
from distilbert.data.problems import Problems
from distilbert.data.tab_separated import LONGEST_RECORD, tsv_records


def read(content: str, **options: int) -> list[list[str]]:
    lines = Lines(io.BytesIO(content.encode()), "x", "utf-8", Problems())
    return [cells for _, cells in tsv_records(lines, **options)]


def rows(content: str) -> list[list[str]]:
    """The records after a first line of two columns."""
    return read(f"text\tlabel\n{content}")[1:]


@pytest.mark.parametrize(
    "cell",
    [
        '"An open quote',
        '"No," he said',
        'says "no"',
        '"Hello"',
        '"Rock" and "roll"',
        '"',
        '""',
        '"""',
    ],
)
def test_quotes_of_corpora_are_characters(cell: str) -> None:
    assert rows(f"{cell}\t1\nx\t{cell}\n") == [[cell, "1"], ["x", cell]]


@pytest.mark.parametrize(
    "cell",
    [
        'say "a"',
        '"a" and "b"',
        '"all"',
        'a\ttab, "b"',
        "a\ttab",
        "two\nlines",
        'a "quote"\n\nand\tall\r\nthe rest',
    ],
)
@pytest.mark.parametrize("columns", [("text", "label"), ("label", "text")])
def test_cells_of_writers_of_csv_are_read_back(cell: str, columns: tuple[str, str]) -> None:
    values = [{"text": text, "label": "1"} for text in ("x", cell, '"y', cell, "z")]
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, columns, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(values)
    found = read(stream.getvalue())
    assert [dict(zip(columns, one, strict=True)) for one in found[1:]] == values


def test_files_that_enclose_everything_and_those_of_one_column_are_csv() -> None:
    assert read('"text"\t"label"\n"Hello"\t"1"\n"a"\t2\n')[1:] == [["Hello", "1"], ["a", "2"]]
    assert read('text\n"Hello"\n"two\nlines"\n') == [["text"], ["Hello"], ["two\nlines"]]


def test_an_open_quote_does_not_swallow_the_rows_that_follow() -> None:
    content = '"open\t1\nb\t2\n"again\t3\nsays "x"\t4\nlast\t"5\n\ny\t6\n'
    texts = ['"open', "b", '"again', 'says "x"', "last", "y"]
    assert [cells[0] for cells in rows(content)] == texts
    many = "".join(f"row {i}\t{i}\n" for i in range(LONGEST_RECORD))
    assert len(rows(f'"a\tb\tc\n{many}x"\t1\n')) == LONGEST_RECORD + 2


def test_a_record_has_the_number_of_its_first_line_and_no_unreadable_line() -> None:
    lines = Lines(io.BytesIO(b'a\tb\n"x\n\xff\n"\t1\n\n2\t3\n'), "x", "utf-8", Problems())
    assert list(tsv_records(lines)) == [(1, ["a", "b"]), (6, ["2", "3"])]


def test_the_number_of_cells_can_be_given_for_files_without_header() -> None:
    assert read('"a\tb"\t1\n', n_cells=2) == [["a\tb", "1"]]
    assert read("\n\n") == []
