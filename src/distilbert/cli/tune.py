"""`distilbert tune`: searches the ranges of a run card for the best card and model."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.card_options import card_options

_option = partial(typer.Option, rich_help_panel="Search")
Overwrite = Annotated[
    bool,
    _option(
        "--overwrite",
        help="Replace the search in --output, which is deleted before the first trial.",
    ),
]


@options.command(extra=card_options())
def tune(
    card: Annotated[
        str | None, typer.Argument(help=r"Run card (TOML) with a \[search] table.")
    ] = None,
    trials: Annotated[int | None, _option(help="How many runs; by default 20.")] = None,
    sampler: Annotated[
        str,
        _option(
            help="random, or optuna (a package).",
            autocompletion=options.words("random", "optuna"),
        ),
    ] = "random",
    early_stopping: Annotated[
        bool, _option(help="Stop trials whose scores fall behind (ASHA).")
    ] = True,
    resume: Annotated[bool, _option("--resume", help="Continue the search in --output.")] = False,
    overwrite: Overwrite = False,
    keep_all: Annotated[
        bool, _option("--keep-all", help="Keep the weights of all trials.")
    ] = False,
    cluster: Annotated[
        str | None,
        _option(help="Address of a Ray cluster with a shared disk; by default this machine."),
    ] = None,
    cpus_per_trial: Annotated[float, _option(help="CPUs of each trial.")] = 1.0,
    gpus_per_trial: Annotated[
        float | None,
        _option(help="GPUs of each trial, fractions allowed; by default 1 if there is one."),
    ] = None,
    **fields: Any,
) -> None:
    r"""Search a run card's \[search] ranges for the best model; [dim]needs Ray.[/dim]

    [bold]Examples[/bold]

      distilbert tune recipes/tune/mrpc.toml --trials 30 --output ./search

      distilbert tune recipes/tune/mrpc.toml --resume --output ./search
    """
    from distilbert.finetuning.tune import tune as search

    result = search(
        card,
        trials=trials,
        sampler=sampler,
        early_stopping=early_stopping,
        resume=resume,
        overwrite=overwrite,
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

    from distilbert.finetuning.trials import ranked, value_text

    def cell(value: Any) -> str:
        return f"{value:.4g}" if isinstance(value, float) else value_text(value)

    names = list(result.best.values)
    table = Table("trial", "status", result.metric, "updates", *names)
    for trial in ranked(result.trials, result.metric):
        score = "" if trial.score is None else f"{trial.score:.4f}"
        mark = " *" if trial.id == result.best.id else ""
        values = [cell(trial.values.get(name)) for name in names]
        table.add_row(trial.id + mark, trial.status, score, f"{trial.steps:,}", *values)
    Console().print(table)
    print("* the best trial")
    for trial in result.trials:
        if trial.error is not None:
            print(f"{trial.id} failed: {trial.error}")
    print(f"{len(result.trials)} trials in {result.seconds:,.1f} s")
    print(f"Model:  {result.model}")
    print(f"Card:   {result.card_file}")
    if result.plot is not None:
        print(f"Plot:   {result.plot}")
