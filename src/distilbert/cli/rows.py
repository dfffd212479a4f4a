"""The inputs of a command as a stream of texts and rows.

Rows are not read ahead, so a command can be part of a pipe.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distilbert.cli.columns import Fields, Input
from distilbert.cli.options import words
from distilbert.errors import InputError

if TYPE_CHECKING:
    from distilbert.training.run_card import DataSection

# Characters that make a name a pattern.
WILD = frozenset("*?[")
# What the run of a model says about reading files in the format of its training rows.
OF_RUN = ("column_names", "glue", "tokens", "tags")
FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "conll", "squad", "trec", "text")


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
            help="Read this file, also in .gz, a folder or pattern of files, or "
            "hub:owner/name\\[/config]:split; - is standard input.",
        ),
    ] = None
    data_format: Annotated[
        str | None,
        typer.Option(
            "--input-format",
            help="csv, tsv, jsonl, json, parquet, conll, squad, trec or text; by default from the "
            "suffix.",
            autocompletion=words(*FORMATS),
        ),
    ] = None
    encoding: Annotated[
        str, typer.Option(help="Character encoding of the input: utf-8, cp1252, utf-16, ...")
    ] = "utf-8"
    field: Annotated[
        list[str] | None,
        typer.Option(help="Use a column of the input as a field: text=review. Repeatable."),
    ] = None

    def are_given(self) -> bool:
        """Whether there are texts, a file, or something piped in."""
        return bool(self.texts or self.input_file or not sys.stdin.isatty())

    def rows(self, fields: Fields | None = None) -> Iterator[Input]:
        """Texts, and rows with columns as dicts; see `pairs`."""
        return (row for _, row in self.pairs(fields or Fields()))

    def pairs(self, fields: Fields) -> Iterator[tuple[Input, Input]]:
        """Each input as it is in its file, and with the columns named as `fields` says.

        Raises:
            InputError: there is no input, `field` names no field, or a row lacks a column that it
                names.
            DataError: the input does not exist, or a row breaks the rules of its format.
        """
        chosen = fields.chosen_by(self.field or ())
        return ((row, fields.renamed(row, chosen)) for row in self._read(fields.data))

    def texts_only(self) -> Iterator[str]:
        """The text of each row: the row itself, or its column `text` or one with a usual name.

        Raises:
            InputError: also if a row has no such column, or if it does not hold a text.
        """
        return map(text_of, self.rows(Fields(guessed=True)))

    def whole_texts(self, fields: Fields | None = None) -> Iterator[Input]:
        """As `rows`, but a text file is one text, with all its lines."""
        rows = self.rows(fields)
        if self.texts or self._kind() != "text":
            return rows
        return iter(["\n".join(str(line) for line in rows)])

    def _kind(self) -> str | None:
        """The format of the input; None for a data set of the hub, and for a folder or a pattern,
        whose files each have one."""
        from distilbert.data.hub_sets import HUB
        from distilbert.data.sources import suffix_format

        source = self.input_file or "-"
        path = Path(source).expanduser()
        kind = self.data_format or suffix_format(path)
        is_several = source.startswith(HUB) or path.is_dir() or bool(WILD & set(source))
        return kind or (None if is_several and not path.is_file() else "text")

    def _read(self, remembered: DataSection | None) -> Iterator[Input]:
        if self.texts:
            if self.input_file is not None:
                raise InputError("Give either texts or `--input`: got both.")
            return iter(self.texts)
        if not self.are_given():
            raise InputError("There is no input: give texts, `--input FILE`, or pipe lines in.")
        from distilbert.data.lines import Lines
        from distilbert.data.problems import Problems
        from distilbert.data.sources import iter_rows, rows_of
        from distilbert.training.run_card import DataSection

        source = self.input_file or "-"
        kind = self._kind()
        # Not validated here: the readers report an unknown format under the name of its option.
        of_run = {name: getattr(remembered, name) for name in OF_RUN if remembered is not None}
        data = DataSection.model_construct(data_format=kind, encoding=self.encoding, **of_run)
        problems = Problems(raise_first=True)
        if source == "-":
            lines = Lines(sys.stdin.buffer, "standard input", self.encoding, problems)
            rows = rows_of(lines, kind or "text", data, inputs=True)
        else:
            rows = iter_rows(source, data=data, problems=problems, inputs=True)
        return (row.values["text"] if row.is_text else dict(row.values) for row in rows)


def text_of(row: Input) -> str:
    """The text of an input, or of its column `text`."""
    text = row if isinstance(row, str) else row.get("text")
    if not isinstance(text, str):
        raise InputError(
            f"Every row must have a text in the column 'text': got the columns {', '.join(row)}. "
            f"Name the right one with `--field text=COLUMN`."
        )
    return text
