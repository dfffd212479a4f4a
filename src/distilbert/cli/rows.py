"""Inputs of a verb as a stream: words on the line, text, JSONL, CSV or TSV; and results back out.

Nothing is read ahead, so a verb can sit in a pipe. Broken rows are named by their line.
"""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from distilbert.errors import InputError

Row = str | dict[str, Any]

FORMATS = ("text", "jsonl", "csv", "tsv")
FORMAT_OF_SUFFIX = {".jsonl": "jsonl", ".json": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
FORMAT_OF_SUFFIX[".tsv"] = "tsv"


def read_rows(texts: list[str] | None, path: str | None, format_name: str | None) -> Iterator[Row]:
    """Texts of the command line, else the rows of a file or of standard input.

    Raises:
        InputError: no input, an unknown format, or a row that is not what the format says.
    """
    if format_name is not None and format_name not in FORMATS:
        known = ", ".join(FORMATS)
        raise InputError(f"`--input-format` must be one of {known}: got {format_name!r}.")
    if texts:
        if path is not None:
            raise InputError("Inputs come from the line or from `--input`: got both, give one.")
        return iter(texts)
    if path in (None, "-"):
        if path is None and sys.stdin.isatty():
            raise InputError(
                "There must be something to read: give texts, `--input FILE`, or pipe lines in."
            )
        return _parse(_decoded(sys.stdin.buffer), format_name or "text", "standard input")
    assert path is not None
    if not Path(path).is_file():
        raise InputError(f"`--input` must be an existing file: got {path}.")
    return _file_rows(path, format_name or FORMAT_OF_SUFFIX.get(Path(path).suffix.lower(), "text"))


def _file_rows(path: str, format_name: str) -> Iterator[Row]:
    with open(path, "rb") as stream:
        yield from _parse(_decoded(stream), format_name, path)


def _decoded(stream: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")


def _parse(stream: io.TextIOWrapper, format_name: str, name: str) -> Iterator[Row]:
    try:
        if format_name == "text":
            for line in stream:
                yield line.rstrip("\r\n")
        elif format_name == "jsonl":
            yield from _json_rows(stream, name)
        else:
            yield from _table_rows(stream, "\t" if format_name == "tsv" else ",", name)
    except UnicodeDecodeError as error:
        raise InputError(f"Inputs must be UTF-8: {name} is not ({error}).") from None


def _json_rows(stream: Iterable[str], name: str) -> Iterator[Row]:
    for number, line in enumerate(stream, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"Line {number} of {name} must be JSON: {error}.") from None
        if not isinstance(row, (str, dict)):
            kind = type(row).__name__
            raise InputError(f"Line {number} of {name} must hold a text or an object: got {kind}.")
        yield row


def _table_rows(stream: Iterable[str], delimiter: str, name: str) -> Iterator[Row]:
    reader = csv.DictReader(stream, delimiter=delimiter, strict=True)
    try:
        for row in reader:
            if None in row or None in row.values():
                columns = len(reader.fieldnames or ())
                raise InputError(
                    f"Line {reader.line_num} of {name} must have {columns} cells, as the header."
                )
            yield dict(row)
    except csv.Error as error:
        line = reader.line_num + 1  # the broken line itself is not counted
        raise InputError(f"Line {line} of {name} is no valid row: {error}.") from None


def rename_fields(rows: Iterable[Row], names: list[str] | None) -> Iterator[Row]:
    """Rows with the fields the task knows, given `FIELD=COLUMN` pairs; other columns stay.

    Raises:
        InputError: a pair without `=`, a row that is no object, or a column that is not there.
    """
    pairs = [name.partition("=") for name in names or ()]
    for field, equals, column in pairs:
        if not (field and equals and column):
            raise InputError(f"`--field` must look like text=sentence: got {field + equals!r}.")
    for row in rows:
        if pairs:
            if not isinstance(row, dict):
                raise InputError("`--field` needs rows with columns (jsonl, csv, tsv): got a text.")
            for field, _, column in pairs:
                if column not in row:
                    have = ", ".join(row)
                    raise InputError(f"Column {column!r} must be in every row: got {have}.")
                row[field] = row.pop(column)
        yield row


def row_text(row: Row) -> str:
    """The text of a row: the row itself, or its field `text`.

    Raises:
        InputError: the row has no such field, or it holds no text.
    """
    if isinstance(row, str):
        return row
    if not isinstance(row.get("text"), str):
        raise InputError(
            f"Every row must have a text in the column 'text': got the columns {', '.join(row)}. "
            f"Name the right one with `--field text=COLUMN`."
        )
    return row["text"]


@contextmanager
def output_stream(path: str | None) -> Iterator[IO[str]]:
    """Standard output, or a UTF-8 file that only appears when everything went well."""
    if path in (None, "-"):
        yield sys.stdout
        sys.stdout.flush()
        return
    from distilbert.checkpoint.atomic import atomic_file

    assert path is not None
    with atomic_file(Path(path)) as temporary, open(temporary, "w", encoding="utf-8") as stream:
        yield stream


def json_line(value: Any) -> str:
    """One line of JSON; arrays become lists, other characters than ASCII stay readable."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")
