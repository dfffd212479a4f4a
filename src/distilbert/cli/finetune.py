"""`distilbert finetune`: trains a model from a run card and options that replace its fields."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.card_options import card_options


@options.command(extra=card_options())
def finetune(
    card: Annotated[
        str | None, typer.Argument(help="Run card (TOML); options replace its fields.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the newest checkpoint in --output.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Print the resolved card and check the data without training."
        ),
    ] = False,
    *,
    hub: options.HubOptions,
    **fields: Any,
) -> None:
    """Fine-tune a model from a run card; [dim]every field is also an option.[/dim]

    [bold]Examples[/bold]

      distilbert finetune recipes/finetune/sst2.toml --train train.tsv -o ./my-model

      distilbert finetune -m distilbert-base-uncased --train train.csv --dev dev.csv -o ./my-model
    """
    from distilbert.training.card_file import as_card

    chosen = as_card(card, fields)
    if dry_run:
        _check(chosen)
        return
    from distilbert.finetuning.finetune import finetune as train

    result = train(
        chosen,
        resume=resume,
        command=options.command_line(),
        show_progress=True,
        **hub.given(),
    )
    for split, scores in result.scores.items():
        for name, value in scores.items():
            mark = " *" if name == result.metric else ""
            print(f"{split:<6} {name:<24} {value:>10.4f}{mark}")
    print(f"{result.steps:,} updates in {result.seconds:,.1f} s")
    _print_skipped(result.skipped)
    print(f"Model:  {result.output}")
    if result.report is not None:
        print(f"Report: {result.report}")


def _check(card: Any) -> None:
    from distilbert.finetuning.datasets import read_examples
    from distilbert.finetuning.tasks import task_of
    from distilbert.training.card_file import card_text

    print(card_text(card))
    examples = read_examples(card, task_of(card))
    for name in ("train", "dev", "test"):
        print(f"# {name}: {len(getattr(examples, name)):,} examples")
    _print_skipped(examples.skipped, "# ")


def _print_skipped(count: int, prefix: str = "") -> None:
    if count:
        print(f"{prefix}{count:,} bad rows left out")
