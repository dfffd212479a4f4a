"""`distilbert finetune`: a run card and options that override it; a model folder comes out."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

import typer

from distilbert.cli.card_options import with_card_options


def _finetune(
    card: Annotated[
        str | None, typer.Argument(help="Run card (TOML); options replace its fields.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the newest checkpoint in --output.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the resolved card and check the data; train nothing."
        ),
    ] = False,
    **fields: Any,
) -> None:
    """Fine-tune a model as a run card says; [dim]every field is also an option.[/dim]"""
    from distilbert.training.card_file import as_card

    chosen = as_card(card, fields)
    if dry_run:
        _check(chosen)
        return
    from distilbert.finetuning.finetune import finetune as train

    command = shlex.join(["distilbert", *sys.argv[1:]])
    _print_result(train(chosen, resume=resume, command=command, show_progress=True))


def _check(card: Any) -> None:
    from distilbert.finetuning.datasets import read_examples
    from distilbert.finetuning.tasks import task_of
    from distilbert.training.card_file import card_text

    print(card_text(card))
    found = read_examples(card, task_of(card))
    for name in ("train", "dev", "test"):
        print(f"# {name}: {len(getattr(found, name)):,} examples")
    if found.skipped:
        print(f"# {found.skipped:,} bad rows left out")


def _print_result(result: Any) -> None:
    for split, scores in result.scores.items():
        for name, value in scores.items():
            mark = " *" if name == result.metric else ""
            print(f"{split:<6} {name:<24} {value:>10.4f}{mark}")
    print(f"{result.steps:,} updates in {result.seconds:,.1f} s")
    if result.skipped:
        print(f"{result.skipped:,} bad rows left out")
    print(f"Model:  {result.output}")
    if result.report is not None:
        print(f"Report: {result.report}")


_finetune.__name__ = "finetune"
finetune = with_card_options(_finetune)
