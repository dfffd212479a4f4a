"""From the name of a source to its rows: which reader suits it.

Knows no task; which column is the text or the label is for tasks to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from distilbert.data.conll import read_conll
from distilbert.data.glue import glue_task
from distilbert.data.hub_sets import HUB, read_hub_set
from distilbert.data.json_rows import read_json, read_jsonl
from distilbert.data.lines import Lines
from distilbert.data.parquet import read_parquet
from distilbert.data.plain_text import read_text, read_trec
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.tables import read_table
from distilbert.errors import DataError

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "conll", "squad", "trec", "text")
FORMAT_OF_SUFFIX = {f".{name}": name for name in ("csv", "tsv", "jsonl", "json", "parquet")}
FORMAT_OF_SUFFIX |= {".ndjson": "jsonl", ".txt": "text", ".text": "text", ".trec": "trec"}
FORMAT_OF_SUFFIX |= dict.fromkeys((".conll", ".bio", ".iob", ".iob2", ".ner"), "conll")


class Reading(Protocol):
    """How to read; the fields of a run card's data section that decide it."""

    @property
    def data_format(self) -> str | None: ...
    @property
    def encoding(self) -> str: ...
    @property
    def column_names(self) -> tuple[str, ...]: ...
    @property
    def glue(self) -> str | None: ...
    @property
    def tokens(self) -> str: ...
    @property
    def tags(self) -> str: ...


def read_rows(
    source: str, *, data: Reading, limit: int | None = None, problems: Problems
) -> list[Row]:
    """The first `limit` good rows of a file or hub data set, in their order.

    What is wrong with single rows goes to `problems`.

    Raises:
        DataError: no such source or format, or the source as a whole cannot be read.
    """
    return list(islice(iter_rows(source, data=data, problems=problems), limit))


def iter_rows(source: str, *, data: Reading, problems: Problems) -> Iterator[Row]:
    """Like `read_rows`, one at a time."""
    rows = _plain_rows(source, data, problems)
    if data.glue is None:
        return rows
    task = glue_task(data.glue)
    return (replace(row, values=task.named(row.values)) for row in rows)


def _plain_rows(source: str, data: Reading, problems: Problems) -> Iterator[Row]:
    if source.startswith(HUB):
        return read_hub_set(source)
    path = Path(source).expanduser()
    if path.is_dir():
        raise DataError(f"A source of rows must be a file: {source} is a folder. Name one file.")
    kind = data.data_format or format_of(path)
    if kind not in FORMATS:
        raise DataError(f"`data_format` must be one of {', '.join(FORMATS)}: got {kind!r}.")
    if kind == "parquet":
        return read_parquet(path, source)
    lines = Lines(path, source, data.encoding, problems)
    match kind:
        case "csv" | "tsv":
            names = data.column_names
            if not names and data.glue is not None:
                names = glue_task(data.glue).headless(path)
            return read_table(lines, quoted=kind == "csv", column_names=names)
        case "jsonl":
            return read_jsonl(lines)
        case "json" | "squad":
            return read_json(lines, squad=kind == "squad")
        case "conll":
            return _sentences(lines, data)
        case "trec":
            return read_trec(lines)
    return read_text(lines)


def format_of(path: Path) -> str:
    """The format that a file name speaks of, whether packed or not.

    Raises:
        DataError: it speaks of none.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".gz"]:
        suffixes.pop()
    kind = FORMAT_OF_SUFFIX.get(suffixes[-1]) if suffixes else None
    if kind is None:
        raise DataError(
            f"A file name must end in one of {' '.join(FORMAT_OF_SUFFIX)} (or that and .gz): got "
            f"{path.name}. Name the format with `--data-format`: {', '.join(FORMATS)}."
        )
    return kind


def _sentences(lines: Lines, data: Reading) -> Iterator[Row]:
    """Sentences under the names of columns that were asked for; numbers choose file columns."""
    rows = read_conll(
        lines,
        lines.name,
        lines.problems,
        token_column=_number(data.tokens, 0),
        tag_column=_number(data.tags, -1),
    )
    for row in rows:
        values = {data.tokens: row.values["tokens"], data.tags: row.values["tags"]}
        yield replace(row, values=values)


def _number(column: str, otherwise: int) -> int:
    return int(column) if column.removeprefix("-").isdecimal() else otherwise
