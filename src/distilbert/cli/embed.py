"""`distilbert embed`: one vector per text, as JSON lines or as one NumPy file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.rows import Inputs, json_line, output_stream


@options.command()
def embed(
    model: options.Model,
    inputs: Inputs,
    output: options.OutputFile = None,
    pooling: Annotated[
        str | None, typer.Option(help="mean or cls; by default as the checkpoint says.")
    ] = None,
    normalize: Annotated[
        bool | None,
        typer.Option(help="Scale vectors to length 1; by default as the checkpoint says."),
    ] = None,
    progress: options.Progress = False,
    *,
    loading: options.ModelOptions,
) -> None:
    """Turn texts into vectors; [dim]an --output ending in .npy holds them all (N, D).[/dim]

    [bold]Examples[/bold]

      distilbert embed -m ./my-encoder "a sentence" "another one"

      distilbert embed -m ./my-encoder --input passages.txt --output vectors.npy
    """
    from distilbert.pipelines import pipeline

    texts = inputs.texts_only()
    pipe = pipeline("sentence-embedding", model, progress=progress, **loading.given())
    vectors = pipe(texts, **options.without_none(pooling=pooling, normalize=normalize))
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
