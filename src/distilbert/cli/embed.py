"""`distilbert embed`: one vector per text, as JSON lines or one NumPy file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.rows import json_line, output_stream, read_rows, rename_fields, row_text

EXAMPLES = """
[bold]Examples[/bold]

  distilbert embed -m ./my-encoder "a sentence" "another one"

  distilbert embed -m ./my-encoder --input passages.txt --output vectors.npy
"""


def embed(
    model: options.Model,
    texts: options.Texts = None,
    input_file: options.InputFile = None,
    input_format: options.InputFormat = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Name the column with the text: text=review."),
    ] = None,
    output: options.OutputFile = None,
    pooling: Annotated[
        str | None,
        typer.Option("--pooling", help="mean or cls; by default what the checkpoint says."),
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option(
            "--normalize/--no-normalize", help="Scale vectors to length 1; default as above."
        ),
    ] = None,
    progress: Annotated[
        bool, typer.Option("--progress", help="Show a progress bar on standard error.")
    ] = False,
    framework: options.Framework = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    revision: options.Revision = None,
    token: options.Token = None,
    cache_dir: options.CacheDir = None,
    local_files_only: options.LocalOnly = False,
) -> None:
    """Turn texts into vectors; [dim]an --output ending in .npy holds them all (N, D).[/dim]"""
    from distilbert.pipelines import pipeline

    rows = rename_fields(read_rows(texts, input_file, input_format), field)
    given = {"pooling": pooling, "normalize": normalize}
    asked = {name: value for name, value in given.items() if value is not None}
    pipe = pipeline(
        "sentence-embedding",
        model,
        framework=framework,
        device=device,
        dtype=dtype,
        progress=progress,
        **options.hub_options(revision, token, cache_dir, local_files_only),
    )
    vectors = pipe(map(row_text, rows), **asked)
    if output is not None and output.endswith(".npy"):
        import numpy as np

        from distilbert.checkpoint.atomic import atomic_file

        matrix = np.array(list(vectors), ndmin=2)  # (N, D)
        with atomic_file(Path(output)) as temporary, open(temporary, "wb") as stream:
            np.save(stream, matrix)
        print(f"{output}: {matrix.shape[0]} vectors of {matrix.shape[1]} numbers")
        return
    with output_stream(output) as stream:
        for vector in vectors:
            print(json_line(vector), file=stream)


embed.__doc__ = f"{embed.__doc__}\n{EXAMPLES}"
