"""Texts from files and rows."""

from __future__ import annotations

import pytest

from distilbert.errors import DataError
from distilbert.quantizing.texts import MOST_TEXTS, read_texts
from distilbert.training.run_card import DataSection

USUAL = DataSection()


def test_texts_come_from_lines_columns_and_rows_in_python(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("one\n\ntwo\n")
    (tmp_path / "b.csv").write_text("id,sentence\n1,three\n2,four\n")
    assert read_texts([tmp_path / "a.txt", tmp_path / "b.csv"], "texts", USUAL) == [
        *("one", "two", "three", "four")
    ]
    assert read_texts([{"text": "five"}, {"text": None}], "texts", USUAL) == ["five"]
    named = read_texts(str(tmp_path / "b.csv"), "texts", DataSection(text="id"))
    assert named == ["1", "2"]
    (tmp_path / "c.csv").write_text(",n\nx,1\n")
    with pytest.raises(DataError, match="`texts` must have texts: got none in n"):
        read_texts(str(tmp_path / "c.csv"), "texts", USUAL)
    with pytest.raises(DataError, match="must have texts"):
        read_texts([{"": "x", "n": 1}], "texts", USUAL)


def test_only_the_first_are_read() -> None:
    rows = [{"text": str(i)} for i in range(MOST_TEXTS + 10)]
    assert read_texts(rows, "texts", USUAL) == [str(i) for i in range(MOST_TEXTS)]


def test_no_texts_are_an_error(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("\n \n")
    for data in (tmp_path / "a.txt", [], [{"number": 1}]):
        with pytest.raises(DataError, match="`calibration` must have texts: got none"):
            read_texts(data, "calibration", USUAL)
