"""`distilbert benchmark`: how fast a model runs here in everything that is installed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.outputs import json_line
from distilbert.heads import HEADS


@dataclass(frozen=True)
class Measuring:
    """What is measured, as the arguments of `distilbert.benchmark`."""

    head: Annotated[
        str | None,
        typer.Option(
            help="Head to measure: base, masked_lm, ...; by default that of the model.",
            autocompletion=options.words(*HEADS),
        ),
    ] = None
    texts: Annotated[
        list[str] | None,
        typer.Option(help="Texts to measure with; by default a sample. Repeatable."),
    ] = None
    seconds: Annotated[
        float, typer.Option(help="About how long to measure, without exporting and opening.")
    ] = 45.0
    num_threads: Annotated[
        int | None,
        typer.Option(
            help="Threads that compute one batch; by default OMP_NUM_THREADS, or as each program "
            "chooses.",
            min=1,
        ),
    ] = None
    frameworks: Annotated[
        bool,
        typer.Option("--frameworks", help="Also measure TensorFlow and Flax, slow to import."),
    ] = False
    peers: Annotated[
        bool,
        typer.Option(
            "--peers",
            help="Also measure transformers, and onnxruntime and openvino with plain padding.",
        ),
    ] = False
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", help="New folder for the report: JSON, table and plot."),
    ] = None
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite", help="Replace the benchmark in --output once the new one is complete."
        ),
    ] = False


@options.command()
def benchmark(
    model: Annotated[str, typer.Argument(help=options.CHECKPOINT)],
    measuring: Measuring,
    as_json: options.AsJson = False,
    *,
    hub: options.HubOptions,
) -> None:
    """Measure a model here in every runtime and precision; [dim]says which one to use.[/dim]

    What is fastest is stored for this machine: `--runtime fastest` uses it.

    [bold]Examples[/bold]

      distilbert benchmark ./my-classifier

      distilbert benchmark ./my-ner --texts articles.txt --num-threads 2 --output ./speed

      distilbert benchmark ./my-encoder --peers

      distilbert predict text-classification -m ./my-classifier "Good." --runtime fastest
    """
    from distilbert._lazy import has_framework
    from distilbert.benchmarking.benchmark import benchmark as measured

    if measuring.frameworks and has_framework("tensorflow"):
        options.start_tensorflow()
    given = {**vars(measuring), "texts": measuring.texts or None}
    found = measured(model, **given, **hub.given())
    if as_json:
        print(json_line(found.report()))
    else:
        print(found.describe(), end="")
