"""A text per line, and TREC's classes before each question."""

from __future__ import annotations

from pathlib import Path

from distilbert.data.lines import Lines
from distilbert.data.plain_text import NOT_TREC, read_text, read_trec
from distilbert.data.problems import Problems
from distilbert.data.rows import Row


def lines_of(folder: Path, content: bytes) -> Lines:
    (folder / "x").write_bytes(content)
    return Lines(folder / "x", "x", "utf-8", Problems())


def test_lines_are_texts_and_blank_or_unreadable_ones_are_left_out(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, b" a b \r\n\n \n\xff\nc")
    assert list(read_text(lines)) == [
        Row({"text": " a b "}, "x line 1", is_text=True),
        Row({"text": "c"}, "x line 5", is_text=True),
    ]
    assert len(lines.problems) == 1


def test_blank_lines_can_be_kept(tmp_path: Path) -> None:
    rows = list(read_text(lines_of(tmp_path, b"a\r\n\n \nb\n"), keep_blank=True))
    assert [row.values["text"] for row in rows] == ["a", "", " ", "b"]


def test_trec_lines_have_a_coarse_and_a_fine_class(tmp_path: Path) -> None:
    lines = lines_of(
        tmp_path, b"NUM:other What is 2 : 1 ?\nWho ?\nNUM:date \n:x y\nLOC:other W ?\n"
    )
    assert list(read_trec(lines)) == [
        Row({"coarse": "NUM", "fine": "NUM:other", "text": "What is 2 : 1 ?"}, "x line 1"),
        Row({"coarse": "LOC", "fine": "LOC:other", "text": "W ?"}, "x line 5"),
    ]
    assert [place for place, _ in lines.problems.found[NOT_TREC]] == [
        "x line 2",
        "x line 3",
        "x line 4",
    ]
