"""From the name of a source to its rows: chooses the reader that suits it.

Does not know which column is the text or the label; that is up to the tasks.
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


class ReadOptions(Protocol):
    """The fields of a run card's data section that decide how a source is read."""

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
    source: str, *, data: ReadOptions, limit: int | None = None, problems: Problems
) -> list[Row]:
    """The first `limit` valid rows of a file or hub data set, in order.

    Faults of single rows are added to `problems`.

    Raises:
        DataError: the source or its format does not exist, or the source cannot be read at all.
    """
    return list(islice(iter_rows(source, data=data, problems=problems), limit))


def iter_rows(
    source: str, *, data: ReadOptions, problems: Problems, inputs: bool = False
) -> Iterator[Row]:
    """Like `read_rows`, one row at a time; `inputs` as in `rows_of`."""
    if source.startswith(HUB):
        rows = read_hub_set(source)
    else:
        path = Path(source).expanduser()
        if path.is_dir():
            raise DataError(f"Data must be a file: {source} is a folder. Name one of its files.")
        kind = data.data_format or format_of(path)
        if not path.is_file():
            raise DataError(
                f"Data must be a file that exists, or hub:owner/name:split: got {source}."
            )
        rows = rows_of(Lines(path, source, data.encoding, problems), kind, data, inputs=inputs)
    if data.glue is None:
        return rows
    task = glue_task(data.glue)
    return (replace(row, values=task.named(row.values)) for row in rows)


def rows_of(lines: Lines, kind: str, data: ReadOptions, *, inputs: bool = False) -> Iterator[Row]:
    """Rows of an open source in the format `kind`.

    With `inputs` they are read to be predicted rather than learned from, so that each has an
    answer: blank lines of a text are rows, columns may share a name, a JSON document may be a
    single row, and quotes enclose the cells of TSV as they do in CSV.
    """
    match kind:
        case "parquet":
            return read_parquet(lines.source, lines.name)
        case "csv" | "tsv":
            glue = glue_task(data.glue) if data.glue and kind == "tsv" else None
            return read_table(
                lines,
                quoted=inputs or kind == "csv",
                delimiter=None if kind == "csv" else "\t",
                column_names=data.column_names,
                headerless_names=glue.column_names if glue else (),
                unique_names=not inputs,
            )
        case "jsonl":
            return read_jsonl(lines)
        case "json" | "squad":
            return read_json(lines, squad=kind == "squad", single=inputs)
        case "conll":
            return read_conll(lines, lines.name, lines.problems, tokens=data.tokens, tags=data.tags)
        case "trec":
            return read_trec(lines)
        case "text":
            return read_text(lines, keep_blank=inputs)
    raise DataError(f"`data_format` must be one of {', '.join(FORMATS)}: got {kind!r}.")


def suffix_format(path: Path) -> str | None:
    """The format that a file name ends in, before .gz if it is compressed; None if unknown."""
    name = path.name.lower().removesuffix(".gz")
    return FORMAT_OF_SUFFIX.get(Path(name).suffix)


def format_of(path: Path) -> str:
    """The format that a file name ends in.

    Raises:
        DataError: the name does not end in a known suffix.
    """
    kind = suffix_format(path)
    if kind is None:
        raise DataError(
            f"A file name must end in one of {' '.join(FORMAT_OF_SUFFIX)} (or that and .gz): got "
            f"{path.name}. Set `data_format` to one of {', '.join(FORMATS)}."
        )
    return kind
