"""Rows of JSON files: one value per line, a list of values, or the articles of SQuAD."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from distilbert.data.lines import Lines
from distilbert.data.problems import Problems
from distilbert.data.rows import Row, text_row
from distilbert.data.squad import read_squad

NOT_A_ROW = "A row must be a JSON object or a JSON string."
NOT_A_LIST = 'A JSON document must be a list of rows, {"data": such a list} or a SQuAD document.'
WHITESPACE = re.compile(r"\s*")


def read_jsonl(lines: Lines) -> Iterator[Row]:
    """One row per line that holds an object or a string; blank lines are skipped."""
    return _rows_of_lines(lines, lines)


def _rows_of_lines(texts: Iterable[str], lines: Lines) -> Iterator[Row]:
    for number, line in enumerate(texts, 1):
        text, place = line.strip(), f"{lines.name} line {number}"
        if not text or number in lines.broken:
            continue
        try:
            value = json.loads(text)
        except json.JSONDecodeError as error:
            got = f"{error.msg.removesuffix(' at')} at character {error.pos + 1} of {text}"
            lines.problems.add(NOT_A_ROW, place, got)
        except (ValueError, RecursionError) as error:
            lines.problems.add(NOT_A_ROW, place, f"{error} in {text}")
        else:
            yield from _row(value, place, lines.problems)


def _row(value: Any, place: str, problems: Problems) -> Iterator[Row]:
    if isinstance(value, dict):
        yield Row(value, place)
    elif isinstance(value, str):
        yield text_row(value, place)
    else:
        problems.add(NOT_A_ROW, place, value)


def read_json(lines: Lines, *, squad: bool = False, single: bool = False) -> Iterator[Row]:
    """Rows of a document: a list, {"data": a list}, or objects one after the other.

    A document whose first line is a complete object, followed by other lines, is read line by line
    as JSON lines are, without holding the file in memory. With `squad`, only a SQuAD document is
    accepted; with `single`, a document that is one object or string is a row.
    """
    remaining = iter(lines)
    head = _two_lines(remaining)
    if not squad and len(head) > 1 and not head[-1].isspace() and _is_row("".join(head[:-1])):
        yield from _rows_of_lines(chain(head, remaining), lines)
        return
    text = "".join(chain(head, remaining))
    if lines.broken:
        return
    try:
        values = _values(text)
    except (ValueError, RecursionError) as error:
        lines.problems.add(NOT_A_LIST, lines.name, str(error))
        return
    document = values[0] if len(values) == 1 else values
    rows = document.get("data") if isinstance(document, Mapping) else document
    if squad or _has_articles(rows):
        yield from read_squad(document, lines.name, lines.problems)
        return
    if single and isinstance(document, (dict, str)) and not isinstance(rows, list):
        rows = [document]
    if not isinstance(rows, list):
        lines.problems.add(NOT_A_LIST, lines.name, document)
        return
    for i, value in enumerate(rows):
        yield from _row(value, f"{lines.name} [{i}]", lines.problems)


def _two_lines(lines: Iterator[str]) -> list[str]:
    """The lines up to the second that is not blank."""
    head: list[str] = []
    n_lines = 0
    for line in lines:
        head.append(line)
        n_lines += not line.isspace()
        if n_lines == 2:
            break
    return head


def _is_row(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, str))
    except (ValueError, RecursionError):
        return False


def _values(text: str) -> list[Any]:
    """The JSON values of a text, as jq writes them one after the other."""
    decoder, text = json.JSONDecoder(), text.strip()
    values: list[Any] = []
    position = 0
    while not values or position < len(text):
        value, end = decoder.raw_decode(text, position)
        values.append(value)
        position = WHITESPACE.match(text, end).end()  # type: ignore[union-attr]
    return values


def _has_articles(rows: Any) -> bool:
    return bool(
        isinstance(rows, list) and rows and isinstance(rows[0], Mapping) and "paragraphs" in rows[0]
    )
