"""`distilbert embed`: one vector per text, as JSON lines, one NumPy file or a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.columns import Fields, Input, remembered_data
from distilbert.cli.outputs import (
    beside,
    json_line,
    output_file,
    output_stream,
    table_format,
    table_output,
)
from distilbert.cli.rows import Inputs, text_of


@options.command()
def embed(
    model: options.Model,
    inputs: Inputs,
    output: options.OutputFile = None,
    pooling: Annotated[
        str | None,
        typer.Option(
            help="mean, cls or max; by default as the checkpoint says, else mean.",
            autocompletion=options.words("mean", "cls", "max"),
        ),
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option(
            help="Scale vectors to length 1; by default as the checkpoint says, else not."
        ),
    ] = None,
    progress: options.Progress = None,
    *,
    loading: options.ModelOptions,
) -> None:
    """Turn texts into vectors; [dim]an --output ending in .npy holds them all (N, D).[/dim]

    One that ends in .csv, .tsv, .jsonl or .parquet has the columns of the input, and the vector as
    the column "embedding" ("predicted_embedding" if the input has that one).

    [bold]Examples[/bold]

      distilbert embed -m ./my-encoder "a sentence" "another one"

      distilbert embed -m ./my-encoder --input passages.txt --output vectors.npy

      distilbert embed -m ./my-encoder --input table.csv --output table.parquet
    """
    from distilbert.pipelines import pipeline

    with _writer(output) as write:
        shown = options.shows_progress(progress, output)
        chosen = options.without_none(pooling=pooling, normalize=normalize)
        pipe = pipeline("sentence-embedding", model, progress=shown, **loading.given(), **chosen)
        fields = Fields(("text",), remembered_data(pipe.opened.folder), guessed=True)
        pending: list[Input] = []
        for vector in pipe(_texts(inputs.pairs(fields), pending)):
            write(pending.pop(0), vector)


def _texts(pairs: Iterable[tuple[Input, Input]], pending: list[Input]) -> Iterator[str]:
    for given, row in pairs:
        pending.append(given)
        yield text_of(row)


@contextmanager
def _writer(output: str | None) -> Iterator[Callable[[Input, Any], None]]:
    """A function that writes the vector of an input."""
    kind = table_format(output)
    if output is not None and output.endswith(".npy"):
        import numpy as np

        vectors: list[Any] = []
        with output_file(output) as place:
            yield lambda _, vector: vectors.append(vector)
            matrix = np.array(vectors, ndmin=2)  # (N, D)
            with open(place, "wb") as stream:
                np.save(stream, matrix)
        print(f"{output}: {matrix.shape[0]} vectors of {matrix.shape[1]} numbers")
    elif output is not None and kind is not None:
        with table_output(output, kind) as add:
            yield lambda row, vector: add(
                beside({"text": row} if isinstance(row, str) else row, {"embedding": vector})
            )
    else:
        with output_stream(output) as stream:
            yield lambda _, vector: print(json_line(vector), file=stream)
