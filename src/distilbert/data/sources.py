"""From the name of a source to its rows: chooses the reader that suits it.

Does not know which column is the text or the label; that is up to the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from glob import glob
from itertools import chain, islice
from pathlib import Path
from typing import Protocol

from distilbert.data.conll import read_conll
from distilbert.data.glue import glue_task
from distilbert.data.hub_sets import HUB, read_hub_set
from distilbert.data.json_rows import read_json, read_jsonl
from distilbert.data.lines import Lines
from distilbert.data.memory import MEMORY
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
    def tokens(self) -> str | None: ...
    @property
    def tags(self) -> str | None: ...


def read_rows(
    sources: str | Sequence[str],
    *,
    data: ReadOptions,
    limit: int | None = None,
    problems: Problems,
) -> list[Row]:
    """The first `limit` valid rows of files or hub data sets, in order.

    Faults of single rows are added to `problems`.

    Raises:
        DataError: a source or its format does not exist, or a source cannot be read at all.
    """
    names = [sources] if isinstance(sources, str) else sources
    rows = chain.from_iterable(iter_rows(name, data=data, problems=problems) for name in names)
    return list(islice(rows, limit))


def iter_rows(
    source: str,
    *,
    data: ReadOptions,
    problems: Problems,
    inputs: bool = False,
    keep_blank: bool = False,
) -> Iterator[Row]:
    """Like `read_rows`, one row at a time; `inputs` and `keep_blank` as in `rows_of`."""
    if source.startswith(HUB):
        rows = read_hub_set(source)
    else:
        files = [
            (kind, Lines(Path(name), name, data.encoding, problems))
            for name, kind in formats_of(source, data)
        ]
        rows = chain.from_iterable(
            [
                rows_of(lines, kind, data, inputs=inputs, keep_blank=keep_blank)
                for kind, lines in files
            ]
        )
    return named_rows(rows, None if inputs else data.glue)


def formats_of(source: str, data: ReadOptions) -> list[tuple[str, str]]:
    """The files that a source names and the format of each.

    Raises:
        DataError: there is no such file, or a name does not end in a known suffix.
    """
    return [(name, data.data_format or format_of(Path(name))) for name in files_of(source)]


def named_rows(rows: Iterable[Row], glue: str | None) -> Iterator[Row]:
    """The rows, with the columns `text`, `text_pair` and `label` of a GLUE task if it is one."""
    if glue is None:
        return iter(rows)
    task = glue_task(glue)
    return (replace(row, values=task.named(row.values)) for row in rows)


def files_of(source: str) -> list[str]:
    """The files that a source names: itself, or in order of their names those of a folder whose
    suffix is known, or those that a pattern such as data/*.csv matches.

    Raises:
        DataError: there is no such file.
    """
    if not source:
        raise DataError("The name of a file of data must not be empty: got ''.")
    path = Path(source).expanduser()
    if path.is_file():
        return [str(path) if source.startswith("~") else source]
    if path.is_dir():
        found = [str(one) for one in path.iterdir() if one.is_file() and suffix_format(one)]
        if not found:
            raise DataError(
                f"A folder of data must contain files that end in one of "
                f"{' '.join(FORMAT_OF_SUFFIX)} (or that and .gz): {source} has none."
            )
        return sorted(found)
    if source.startswith(MEMORY):
        raise DataError(
            f"These rows were passed in Python, so they cannot be read again: got {source}. Pass "
            f"them as before, or name a file."
        )
    found = [one for one in glob(str(path), recursive=True) if Path(one).is_file()]
    if not found and set(source) & set("*?["):
        raise DataError(f"A pattern of data files must match at least one: got {source}.")
    if not found:
        raise DataError(f"Data must be a file that exists, or hub:owner/name:split: got {source}.")
    return sorted(found)


def rows_of(
    lines: Lines, kind: str, data: ReadOptions, *, inputs: bool = False, keep_blank: bool = False
) -> Iterator[Row]:
    """Rows of an open source in the format `kind`; with `keep_blank`, blank lines of a text too.

    With `inputs` they are read to be predicted rather than learned from, so that each has an
    answer: blank lines of a text are rows, columns may share a name, a JSON document may be a
    single row, and the `column_names` of `data` are only for files without a header. Columns keep
    their names.
    """
    match kind:
        case "parquet":
            return read_parquet(lines.source, lines.name)
        case "csv" | "tsv":
            glue = glue_task(data.glue) if data.glue and kind == "tsv" else None
            usual = glue.column_names if glue else ()
            return read_table(
                lines,
                tabs=kind == "tsv",
                column_names=() if inputs else data.column_names,
                headerless_names=(data.column_names if inputs else ()) or usual,
                unique_names=not inputs,
            )
        case "jsonl":
            return read_jsonl(lines)
        case "json" | "squad":
            return read_json(lines, squad=kind == "squad", single=inputs)
        case "conll":
            columns = {"tokens": data.tokens or "tokens", "tags": data.tags or "tags"}
            return read_conll(lines, lines.name, lines.problems, **columns)
        case "trec":
            return read_trec(lines)
        case "text":
            return read_text(lines, keep_blank=inputs or keep_blank)
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
