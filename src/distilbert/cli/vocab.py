"""`distilbert vocab`: learns a WordPiece vocabulary from texts and saves it as a tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import typer

from distilbert.cli import options
from distilbert.cli.rows import Inputs


@dataclass(frozen=True)
class Pieces:
    """What is learned."""

    vocab_size: Annotated[int, typer.Option(help="How many pieces at most.", min=1)] = 30522
    min_frequency: Annotated[
        int, typer.Option(help="How often two pieces must meet to become one.", min=0)
    ] = 2
    lowercase: Annotated[
        bool, typer.Option("--lowercase/--cased", help="Whether texts are lower-cased.")
    ] = True
    strip_accents: Annotated[
        bool | None,
        typer.Option(
            "--strip-accents/--keep-accents",
            help="Whether accents are removed; by default as the case is.",
            show_default=False,
        ),
    ] = None
    special_token: Annotated[
        list[str] | None,
        typer.Option(
            help="Another special token, next to [PAD], [UNK], [CLS], [SEP] and [MASK]. Repeatable."
        ),
    ] = None
    limit_alphabet: Annotated[
        int, typer.Option(help="How many letters are kept, the most frequent first.", min=1)
    ] = 1000


@options.command()
def vocab(
    inputs: Inputs,
    output: Annotated[
        str,
        typer.Option("--output", "-o", help="Folder for the new tokenizer.", show_default=False),
    ],
    model_max_length: Annotated[
        int, typer.Option(help="The longest input of the model, in tokens.", min=1)
    ] = 512,
    progress: options.Progress = None,
    *,
    pieces: Pieces,
) -> None:
    """Learn a WordPiece vocabulary from texts, for a model in a new language or field.

    The same texts always result in the same vocabulary.

    [bold]Examples[/bold]

      distilbert vocab --input corpus.txt --output my-tokenizer --vocab-size 8000

      distilbert vocab --input reviews.csv --field text=review --cased --output my-tokenizer
    """
    from distilbert.tokenization.train import SPECIAL_TOKENS, train_wordpiece

    n_texts = 0

    def counted() -> Iterator[str]:
        nonlocal n_texts
        for text in inputs.texts_only():
            n_texts += 1
            yield text

    chosen = {name: value for name, value in vars(pieces).items() if name != "special_token"}
    tokenizer = train_wordpiece(
        output,
        texts=counted(),
        special_tokens=[*SPECIAL_TOKENS, *(pieces.special_token or ())],
        model_max_length=model_max_length,
        show_progress=options.shows_progress(progress, output),
        **chosen,
    )
    print(f"{output}: {len(tokenizer)} pieces learned from {n_texts} texts")
