"""`distilbert tokenize`: the pieces of texts, their ids and their places in the text."""

from __future__ import annotations

from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.outputs import json_line, output_stream
from distilbert.cli.rows import Inputs


@options.command()
def tokenize(
    model: options.Model,
    inputs: Inputs,
    output: options.OutputFile = None,
    as_json: options.AsJson = False,
    python: Annotated[
        bool, typer.Option("--python", help="Use the tokenizer in pure Python; same results.")
    ] = False,
    *,
    hub: options.HubOptions,
) -> None:
    """Show how texts are split into WordPieces.

    [bold]Examples[/bold]

      distilbert tokenize -m ./my-model "unaffable puppeteers"

      distilbert tokenize -m ./my-model --python --json --input corpus.txt > pieces.jsonl
    """
    from distilbert.auto import AutoTokenizer

    texts = inputs.texts_only()
    tokenizer = AutoTokenizer.from_pretrained(model, use_fast=not python, **hub.given())
    with output_stream(output) as stream:
        for text in texts:
            encoding = tokenizer(text, return_offsets_mapping=True, verbose=False)
            ids, offsets = encoding["input_ids"], encoding["offset_mapping"]
            pieces = tokenizer.convert_ids_to_tokens(ids)
            if as_json:
                found = {"text": text, "tokens": pieces, "input_ids": ids, "offsets": offsets}
                print(json_line(found), file=stream)
                continue
            for piece, number, (start, end) in zip(pieces, ids, offsets, strict=True):
                print(f"{number:>7}  {piece:<20}  {start}:{end}  {text[start:end]}", file=stream)
            print(file=stream)
