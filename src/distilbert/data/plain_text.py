"""Rows of files without columns: one text per line, or TREC's questions with their classes."""

from __future__ import annotations

from collections.abc import Iterator

from distilbert.data.lines import Lines
from distilbert.data.rows import Row, text_row

NOT_TREC = "A line must look like `COARSE:fine question`."


def read_text(lines: Lines, *, keep_blank: bool = False) -> Iterator[Row]:
    """A row with the column `text` per line; blank lines are skipped unless `keep_blank` is set."""
    for number, line in enumerate(lines, 1):
        text = line.removesuffix("\n").removesuffix("\r")
        if (keep_blank or text.strip()) and number not in lines.broken:
            yield text_row(text, f"{lines.name} line {number}")


def read_trec(lines: Lines) -> Iterator[Row]:
    """Rows with the columns `coarse` ("ENTY"), `fine` ("ENTY:animal") and `text`.

    `fine` contains the coarse class because several coarse classes share names of fine ones.
    """
    for row in read_text(lines):
        label, _, question = row.values["text"].partition(" ")
        coarse, colon, fine = label.partition(":")
        if coarse and colon and fine and question.strip():
            yield Row({"coarse": coarse, "fine": label, "text": question.strip()}, row.place)
        else:
            lines.problems.add(NOT_TREC, row.place, row.values["text"])
