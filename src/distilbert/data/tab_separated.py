"""Records of tab-separated files, whether or not their writer enclosed cells in quotes.

GLUE and most corpora write a quote as any other character: `"An open quote` is a cell. pandas and
other writers of CSV enclose a cell that holds a quote, a tab or a newline, and double the quotes
inside. No file says which it is, but a cell does: a text that nobody quoted is not enclosed with
all its quotes doubled. (In the data sets that were examined, every cell of AG News, GoEmotions and
QQP that begins with a quote is of the second kind, and none of MRPC, QNLI, RTE, STS-B and Subj.)
Deciding by cell, not by file, a row means the same in any file.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from distilbert.data.csv_records import csv_record, csv_records
from distilbert.data.lines import Lines

TAB, QUOTE, DOUBLED = "\t", '"', '""'
ENCLOSED = re.compile(r'"((?:[^"]|"")*)"')
# Lines that one record may have: a quote that is never closed is not searched for any further.
LONGEST_RECORD = 1000

Line = tuple[int, str]


def tsv_records(lines: Lines, n_cells: int | None = None) -> Iterator[tuple[int, list[str]]]:
    """Records with the number of their first line; by default the first one decides `n_cells`.

    A quote is a character, unless it encloses a cell with doubled quotes inside, or one with tabs
    or newlines without which its line would not have `n_cells` cells. A file follows the rules of
    CSV if all cells of its first line are enclosed, or if it has a single column. Blank lines
    are skipped.
    """
    numbered = iter(enumerate(lines, 1))
    first = next((line for line in numbered if line[1].strip("\r\n")), None)
    if first is None:
        return
    cells = _cells(first[1])
    n_cells = n_cells or len(cells)
    waiting = deque([first])
    if n_cells == 1 or all(ENCLOSED.fullmatch(cell) for cell in cells):
        yield from csv_records(lines, chain(waiting, numbered), delimiter=TAB)
        return
    while waiting or (waiting := deque(islice(numbered, 1))):
        number, text = waiting[0]
        cells, n_lines = _cells(text), 1
        record = [_unquoted(cell) for cell in cells]
        if _may_go_on(cells, waiting, numbered, n_cells):
            waiting.extend(islice(numbered, LONGEST_RECORD - len(waiting)))
            record, n_lines = _enclosed_record(waiting, n_cells) or (record, 1)
        taken = [waiting.popleft()[0] for _ in range(n_lines)]
        if lines.broken.isdisjoint(taken) and record != [""]:
            yield number, record


def _cells(text: str) -> list[str]:
    return text.removesuffix("\n").removesuffix("\r").split(TAB)


def _unquoted(cell: str) -> str:
    enclosed = ENCLOSED.fullmatch(cell) if DOUBLED in cell[1:-1] else None
    return cell if enclosed is None else enclosed[1].replace(DOUBLED, QUOTE)


def _may_go_on(
    cells: Sequence[str], waiting: deque[Line], numbered: Iterator[Line], n_cells: int
) -> bool:
    """Whether the cells of a line may be parts of cells with tabs or newlines: some is opened by a
    quote, and this line or the next does not have `n_cells`."""
    if len(cells) != n_cells:
        return any(cell.startswith(QUOTE) for cell in cells)
    if not cells[-1].startswith(QUOTE) or cells[-1].count(QUOTE) % 2 == 0:
        return False
    if len(waiting) < 2:
        waiting.extend(islice(numbered, 1))
    return len(waiting) > 1 and len(_cells(waiting[1][1])) != n_cells


def _enclosed_record(waiting: deque[Line], n_cells: int) -> tuple[list[str], int] | None:
    """The record at the beginning of these lines by the rules of CSV, and how many lines it has;
    None if they are not kept, or the number of cells is another."""
    texts = iter([text for _, text in waiting])
    try:
        cells = csv_record(texts, TAB)
    except csv.Error:
        return None
    n_lines = len(waiting) - sum(1 for _ in texts)
    return (cells, n_lines) if cells is not None and len(cells) == n_cells else None
