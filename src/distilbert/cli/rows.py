"""The inputs of a command as a stream of texts and rows, and its results as JSON lines.

Rows are not read ahead, so a command can be part of a pipe.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from distilbert.errors import InputError

Input = str | dict[str, Any]

# Formats in which a file is only read if `--input-format` names them; others are known by suffix.
NOT_BY_SUFFIX = ("conll", "trec")


@dataclass(frozen=True)
class Inputs:
    """The texts or rows that a command works on."""

    texts: Annotated[
        list[str] | None,
        typer.Argument(help="Texts; without any, --input or standard input, one text per line."),
    ] = None
    input_file: Annotated[
        str | None,
        typer.Option(
            "--input",
            "-i",
            help="Read this file, also in .gz, or hub:owner/name\\[/config]:split; - is standard "
            "input.",
        ),
    ] = None
    data_format: Annotated[
        str | None,
        typer.Option(
            "--input-format",
            help="csv, tsv, jsonl, json, parquet, conll, squad, trec or text; by default from the "
            "suffix.",
        ),
    ] = None
    encoding: Annotated[
        str, typer.Option(help="Character encoding of the input: utf-8, cp1252, utf-16, ...")
    ] = "utf-8"
    field: Annotated[
        list[str] | None,
        typer.Option(help="Use a column of the input as a field: text=review. Repeatable."),
    ] = None

    def rows(self) -> Iterator[Input]:
        """Texts, and rows with columns as dicts whose columns are renamed as `field` says.

        Raises:
            InputError: there is no input, or a row lacks a column that `field` names.
            DataError: the input does not exist, or a row breaks the rules of its format.
        """
        pairs = [name.partition("=") for name in self.field or ()]
        for name, equals, column in pairs:
            if not (name and equals and column):
                raise InputError(f"`--field` must look like text=sentence: got {name + equals!r}.")
        columns = {name: column for name, _, column in pairs}
        return (_renamed(row, columns) if columns else row for row in self._read())

    def texts_only(self) -> Iterator[str]:
        """The text of each row: the row itself, or its column `text`.

        Raises:
            InputError: also if a row has no such column, or if it does not hold a text.
        """
        return map(_text_of, self.rows())

    def _read(self) -> Iterator[Input]:
        if self.texts:
            if self.input_file is not None:
                raise InputError("Give either texts or `--input`: got both.")
            return iter(self.texts)
        if self.input_file is None and sys.stdin.isatty():
            raise InputError("There is no input: give texts, `--input FILE`, or pipe lines in.")
        from distilbert.data.lines import Lines
        from distilbert.data.problems import Problems
        from distilbert.data.sources import iter_rows, rows_of, suffix_format
        from distilbert.training.run_card import DataSection

        source = self.input_file or "-"
        kind = suffix_format(Path(source)) or "text"
        kind = self.data_format or ("text" if kind in NOT_BY_SUFFIX else kind)
        # Not validated here: the readers report an unknown format under the name of its option.
        data = DataSection.model_construct(data_format=kind, encoding=self.encoding)
        problems = Problems(raise_first=True)
        if source == "-":
            lines = Lines(sys.stdin.buffer, "standard input", self.encoding, problems)
            rows = rows_of(lines, kind, data, inputs=True)
        else:
            rows = iter_rows(source, data=data, problems=problems, inputs=True)
        return (row.values["text"] if row.is_text else dict(row.values) for row in rows)


def _renamed(row: Input, columns: dict[str, str]) -> Input:
    if not isinstance(row, dict):
        raise InputError("`--field` needs rows with columns: got a text.")
    for name, column in columns.items():
        if column not in row:
            raise InputError(f"Every row must have the column {column!r}: got {', '.join(row)}.")
        row[name] = row.pop(column)
    return row


def _text_of(row: Input) -> str:
    text = row if isinstance(row, str) else row.get("text")
    if not isinstance(text, str):
        raise InputError(
            f"Every row must have a text in the column 'text': got the columns {', '.join(row)}. "
            f"Name the right one with `--field text=COLUMN`."
        )
    return text


@contextmanager
def output_stream(path: str | None) -> Iterator[IO[str]]:
    """Standard output, or a UTF-8 file that is only written if there was no error."""
    if path in (None, "-"):
        yield sys.stdout
        sys.stdout.flush()
        return
    from distilbert.checkpoint.atomic import atomic_file

    assert path is not None
    # In JSON, a backslash and the number of a lone surrogate are its escape.
    with (
        atomic_file(Path(path)) as temporary,
        open(temporary, "w", encoding="utf-8", errors="backslashreplace") as stream,
    ):
        yield stream


def shorten(text: str, length: int) -> str:
    """`text` in at most `length` characters."""
    return text if len(text) <= length else f"{text[: length - 3]}..."


def json_line(value: Any) -> str:
    """One line of JSON; arrays become lists, and characters outside ASCII are not escaped."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # NumPy arrays and scalars
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")
