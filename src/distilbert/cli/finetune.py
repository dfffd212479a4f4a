"""`distilbert finetune`: trains a model from a run card and options that replace its fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.card_options import card_options

if TYPE_CHECKING:
    from distilbert.finetuning.finetune import FineTuneResult


@options.command(extra=card_options())
def finetune(
    card: Annotated[
        str | None, typer.Argument(help="Run card (TOML); options replace its fields.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue from the newest checkpoint in --output.")
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Replace the run in --output, which is deleted when the new one starts to train.",
        ),
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

      distilbert finetune -m distilbert-base-uncased --train train.csv --dev-split 0.1 -o ./my-model

      distilbert finetune --resume -o ./my-model
    """
    if dry_run:
        _check(card, fields)
        return
    from distilbert.finetuning.finetune import finetune as train
    from distilbert.training.environment import is_main_process

    result = train(
        card,
        resume=resume,
        overwrite=overwrite,
        command=options.command_line(),
        show_progress=True,
        **hub.given(),
        **fields,
    )
    if is_main_process():
        _show(result)


def _show(result: FineTuneResult) -> None:
    from distilbert.training.messages import brief_scores, counted

    for split, scores in result.scores.items():
        for name, value in ({result.metric: scores[result.metric]} | brief_scores(scores)).items():
            print(f"{split:<6} {name:<24} {value:>10.4f}")
    chosen = f"; {result.metric} on dev chose the weights" if "dev" in result.scores else ""
    print(f"{counted(result.steps, 'update')} in {result.seconds:,.1f} s{chosen}")
    if result.skipped:
        print(f"{counted(result.skipped, 'bad row')} left out")
    print(f"Model:  {result.output}")
    if result.report is not None:
        print(f"Report: {result.report}")


def _check(card: str | None, fields: dict[str, Any]) -> None:
    from distilbert.finetuning.datasets import read_examples
    from distilbert.finetuning.messages import data_decisions
    from distilbert.finetuning.tasks import task_of
    from distilbert.training.card_file import as_card, card_text

    chosen = as_card(card, fields)
    print(card_text(chosen))
    for line in data_decisions(chosen, read_examples(chosen, task_of(chosen))):
        print(f"# {line}")
