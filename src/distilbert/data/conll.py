"""CoNLL files: a token and its tag per line, a blank line between sentences.

Does not know what the tags mean.
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
    tokens: str = "tokens",
    tags: str = "tags",
) -> Iterator[Row]:
    """Sentences as rows with the columns `tokens` and `tags`; a place is a sentence's first line.

    A column name that is a number selects that column of the file, counted from 0, or from -1
    backwards; otherwise tokens are in the first column and tags in the last. Columns are separated
    by tabs, or by spaces in lines without a tab. `-DOCSTART-` lines end a sentence and contain no
    token. A line that begins with `#` is a comment if it has only one column: in files with tabs,
    if it has no tab. A sentence with an incomplete line is left out and reported.
    """
    token_column, tag_column = _number(tokens, 0), _number(tags, -1)
    lines = iter(enumerate(stream, 1))
    head, tabbed = _head(lines)
    pairs: list[tuple[str, str]] = []
    first, complete = 0, True
    for number, line in chain(head, lines, [(0, "")]):  # the added blank line ends the last one
        columns = _columns(line)
        if columns and _is_comment(line, columns, tabbed=tabbed):
            continue
        if not columns or columns[0] == DOCUMENT_START:
            if pairs and complete:
                values = {tokens: [token for token, _ in pairs], tags: [tag for _, tag in pairs]}
                yield Row(values, f"{name} line {first}")
            pairs, first, complete = [], 0, True
            continue
        first = first or number
        token, tag = _cell(columns, token_column), _cell(columns, tag_column)
        if len(columns) < 2 or not token or not tag:
            problems.add(TOO_FEW, f"{name} line {number}", line)
            complete = False
        else:
            pairs.append((token, tag))


def _number(column: str, default: int) -> int:
    return int(column) if column.removeprefix("-").isdecimal() else default


def _head(lines: Iterator[tuple[int, str]]) -> tuple[list[tuple[int, str]], bool]:
    """The lines up to the first that must hold a token, and whether that one has a tab."""
    head = []
    for number, line in lines:
        head.append((number, line))
        columns = _columns(line)
        if columns and columns[0] != DOCUMENT_START and not columns[0].startswith("#"):
            return head, "\t" in line
    return head, any("\t" in line for _, line in head)


def _columns(line: str) -> list[str]:
    """The cells of a line; none if it is blank. White space other than these may be a token."""
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
