"""`distilbert tokenize`: pieces, ids and where each piece lies in the text."""

from __future__ import annotations

from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.rows import json_line, output_stream, read_rows, row_text

EXAMPLES = """
[bold]Examples[/bold]

  distilbert tokenize -m ./my-model "unaffable puppeteers"

  distilbert tokenize -m ./my-model --python --json --input corpus.txt > pieces.jsonl
"""


def tokenize(
    model: options.Model,
    texts: options.Texts = None,
    input_file: options.InputFile = None,
    input_format: options.InputFormat = None,
    output: options.OutputFile = None,
    as_json: options.AsJson = False,
    python: Annotated[
        bool, typer.Option("--python", help="Use the pure-Python tokenizer; same answers.")
    ] = False,
    revision: options.Revision = None,
    token: options.Token = None,
    cache_dir: options.CacheDir = None,
    local_files_only: options.LocalOnly = False,
) -> None:
    """Show how texts are cut into WordPieces."""
    from distilbert.auto import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(
        model,
        use_fast=not python,
        **options.hub_options(revision, token, cache_dir, local_files_only),
    )
    with output_stream(output) as stream:
        for row in read_rows(texts, input_file, input_format):
            text = row_text(row)
            encoded = tokenizer(text, return_offsets_mapping=True, verbose=False)
            pieces = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
            if as_json:
                found = {
                    "text": text,
                    "tokens": pieces,
                    "input_ids": encoded["input_ids"],
                    "offsets": encoded["offset_mapping"],
                }
                print(json_line(found), file=stream)
                continue
            for piece, number, (start, end) in zip(
                pieces, encoded["input_ids"], encoded["offset_mapping"], strict=True
            ):
                print(f"{number:>7}  {piece:<20}  {start}:{end}  {text[start:end]}", file=stream)
            print(file=stream)


tokenize.__doc__ = f"{tokenize.__doc__}\n{EXAMPLES}"
