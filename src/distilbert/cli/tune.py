"""`distilbert tune`: a run card with ranges; the best card, its model and a table come out."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from distilbert.cli.card_options import with_card_options

PANEL = "Search"


def _tune(
    card: Annotated[
        str | None, typer.Argument(help=r"Run card (TOML) with a \[search] table.")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option("--trials", help="How many runs; 20 by default.", rich_help_panel=PANEL),
    ] = None,
    sampler: Annotated[
        str,
        typer.Option("--sampler", help="random, or optuna (a package).", rich_help_panel=PANEL),
    ] = "random",
    early_stopping: Annotated[
        bool,
        typer.Option(
            "--early-stopping/--no-early-stopping",
            help="Stop trials that fall behind (ASHA).",
            rich_help_panel=PANEL,
        ),
    ] = True,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with the search in --output.", rich_help_panel=PANEL),
    ] = False,
    keep_all: Annotated[
        bool,
        typer.Option("--keep-all", help="Keep the weights of all trials.", rich_help_panel=PANEL),
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            help="Address of a Ray cluster that shares the disk; by default this machine.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    cpus_per_trial: Annotated[
        float,
        typer.Option("--cpus-per-trial", help="CPUs of each trial.", rich_help_panel=PANEL),
    ] = 1.0,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-trial",
            help="GPUs of each trial, also parts of one; by default 1 if there is any.",
            rich_help_panel=PANEL,
        ),
    ] = None,
    **fields: Any,
) -> None:
    r"""Search a run card's \[search] ranges for the best model; [dim]needs Ray.[/dim]"""
    from distilbert.finetuning.tune import tune as run

    result = run(
        card,
        trials=trials,
        sampler=sampler,
        early_stopping=early_stopping,
        resume=resume,
        keep_all=keep_all,
        cluster=cluster,
        cpus_per_trial=cpus_per_trial,
        gpus_per_trial=gpus_per_trial,
        show_progress=True,
        **fields,
    )
    _print_result(result)


def _print_result(result: Any) -> None:
    from rich.console import Console
    from rich.table import Table

    from distilbert.finetuning.trials import ranked, told

    names = list(result.best.values)
    table = Table("trial", "status", result.metric, "updates", *names)
    for one in ranked(result.trials, higher_is_better=result.higher_is_better):
        score = "" if one.score is None else f"{one.score:.4f}"
        mark = " *" if one.id == result.best.id else ""
        values = [_short(one.values.get(name), told) for name in names]
        table.add_row(one.id + mark, one.status, score, f"{one.steps:,}", *values)
    Console().print(table)
    failed = [one for one in result.trials if one.error is not None]
    for one in failed:
        print(f"{one.id} failed: {one.error}")
    print(f"{len(result.trials)} trials in {result.seconds:,.1f} s")
    print(f"Model:  {result.model}")
    print(f"Card:   {result.card_file}")
    if result.plot is not None:
        print(f"Plot:   {result.plot}")


def _short(value: Any, told: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else told(value)


_tune.__name__ = "tune"
tune = with_card_options(_tune)
