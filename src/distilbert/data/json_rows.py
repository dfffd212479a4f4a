"""Rows of JSON files: an object per line, a list of objects, or SQuAD's articles."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from distilbert.data.lines import Lines
from distilbert.data.rows import Row
from distilbert.data.squad import read_squad

NOT_AN_OBJECT = "A row must be a JSON object."
NOT_A_LIST = 'A JSON document must be a list of objects, {"data": such a list}, or SQuAD\'s.'


def read_jsonl(lines: Lines) -> Iterator[Row]:
    """A row per line that holds an object; blank lines are left out."""
    for number, line in enumerate(lines, 1):
        if line.strip() and number not in lines.broken:
            yield from _row(line, number, lines)


def _row(line: str, number: int, lines: Lines) -> Iterator[Row]:
    place = f"{lines.name} line {number}"
    try:
        value = json.loads(line.strip())
    except json.JSONDecodeError as error:
        got = f"{error.msg} at character {error.pos + 1} of {line.strip()}"
        lines.problems.add(NOT_AN_OBJECT, place, got)
        return
    except (ValueError, RecursionError) as error:
        lines.problems.add(NOT_AN_OBJECT, place, f"{error} in {line.strip()}")
        return
    if isinstance(value, dict):
        yield Row(value, place)
    else:
        lines.problems.add(NOT_AN_OBJECT, place, value)


def read_json(lines: Lines, *, squad: bool = False) -> Iterator[Row]:
    """Rows of a document; lines of objects under the name of a document are read as such."""
    held = list(lines)
    if lines.broken:
        return
    try:
        document = json.loads("".join(held))
    except (ValueError, RecursionError) as error:
        if not squad and _is_object(next((line for line in held if line.strip()), "")):
            for number, line in enumerate(held, 1):
                if line.strip():
                    yield from _row(line, number, lines)
        else:
            lines.problems.add(NOT_A_LIST, lines.name, str(error))
        return
    objects = document.get("data") if isinstance(document, Mapping) else document
    if squad or _has_articles(objects):
        yield from read_squad(document, lines.name, lines.problems)
    elif not isinstance(objects, list):
        lines.problems.add(NOT_A_LIST, lines.name, document)
    else:
        for i, value in enumerate(objects):
            if isinstance(value, dict):
                yield Row(value, f"{lines.name} [{i}]")
            else:
                lines.problems.add(NOT_AN_OBJECT, f"{lines.name} [{i}]", value)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _has_articles(objects: Any) -> bool:
    return (
        isinstance(objects, list)
        and bool(objects)
        and isinstance(objects[0], Mapping)
        and "paragraphs" in objects[0]
    )
