"""CoNLL files: a token and its tag per line, a blank line between sentences.

Knows nothing of what the tags mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from distilbert.data.problems import Problems
from distilbert.data.rows import Row

DOCUMENT_START = "-DOCSTART-"
TOO_FEW = "Each line of a sentence needs a column for the token and one for the tag."


def read_conll(
    stream: Iterable[str],
    name: str,
    problems: Problems,
    *,
    token_column: int = 0,
    tag_column: int = -1,
) -> Iterator[Row]:
    """Sentences as rows with the columns `tokens` and `tags`; a place is a sentence's first line.

    Columns are separated by tabs, or by spaces in lines without a tab, and counted from 0, or from
    -1 backwards. `-DOCSTART-` lines end a sentence and hold nothing. A line that begins with `#` is
    a comment where it has one column only: in files with tabs, where it has no tab. A sentence with
    a line of too few columns is left out and goes to `problems`.
    """
    lines = iter(enumerate(stream, 1))
    head, tabbed = _head(lines)
    tokens: list[str] = []
    tags: list[str] = []
    first, good = 0, True
    for number, line in chain(head, lines, [(0, "")]):  # the added blank line ends the last one
        columns = _columns(line.lstrip("\ufeff") if number == 1 else line)
        if columns and _is_comment(line, columns, tabbed=tabbed):
            continue
        if not columns or columns[0] == DOCUMENT_START:
            if tokens and good:
                yield Row({"tokens": tokens, "tags": tags}, f"{name} line {first}")
            tokens, tags, first, good = [], [], 0, True
            continue
        first = first or number
        token, tag = _cell(columns, token_column), _cell(columns, tag_column)
        if len(columns) < 2 or not token or not tag:
            problems.add(TOO_FEW, f"{name} line {number}", line)
            good = False
            continue
        tokens.append(token)
        tags.append(tag)


def _head(lines: Iterator[tuple[int, str]]) -> tuple[list[tuple[int, str]], bool]:
    """The lines up to the first that must be a token's, and whether that one has a tab."""
    head = []
    for number, line in lines:
        head.append((number, line))
        columns = _columns(line.lstrip("\ufeff"))
        if columns and columns[0] != DOCUMENT_START and not columns[0].startswith("#"):
            return head, "\t" in line
    return head, any("\t" in line for _, line in head)


def _columns(line: str) -> list[str]:
    """The cells of a line; none for a blank one. Other white space may be a token."""
    line = line.rstrip("\r\n")
    if not line.strip():
        return []
    if "\t" in line:
        return [cell.strip(" ") for cell in line.split("\t")]
    return [cell for cell in line.split(" ") if cell]


def _is_comment(line: str, columns: list[str], *, tabbed: bool) -> bool:
    one_column = len(columns) == 1 or (tabbed and "\t" not in line)
    return columns[0].startswith("#") and one_column


def _cell(columns: list[str], column: int) -> str:
    return columns[column] if -len(columns) <= column < len(columns) else ""
