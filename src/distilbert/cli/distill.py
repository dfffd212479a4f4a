"""`distilbert distill` and `distilbert adapt`: from a teacher to a student or a better teacher."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.card_options import card_options

if TYPE_CHECKING:
    from distilbert.distilling.distill import DistillResult

Card = Annotated[str | None, typer.Argument(help="Card (TOML); options replace its fields.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue from the newest checkpoint in --output.")
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace the run in --output, which is deleted when the new one starts to train.",
    ),
]


def _fields(name: str, *without: str) -> list[inspect.Parameter]:
    """Options for the fields of a card of `distilbert.distilling.card`."""
    from distilbert.distilling import card

    return card_options(getattr(card, name), without=without)


@options.command(extra=_fields("DistillCard"))
def distill(
    card: Card = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    allow_untrained: Annotated[
        bool,
        typer.Option(
            "--allow-untrained",
            help="Also distil a teacher whose masked-LM head predicts no better than frequencies.",
        ),
    ] = False,
    *,
    hub: options.HubOptions,
    **fields: Any,
) -> None:
    """Distil a student from a BERT or DistilBERT; [dim]every field is also an option.[/dim]

    [bold]Examples[/bold]

      distilbert distill --teacher bert-base-uncased --train 'texts/*.txt' -o ./student

      distilbert distill recipes/distill/distilbert.toml --train texts.jsonl -o ./student

      distilbert distill --resume -o ./student
    """
    from distilbert.distilling.distill import distill as run

    given = {"resume": resume, "overwrite": overwrite, "command": options.command_line()}
    given["allow_untrained"] = allow_untrained
    _show(run(card, **given, show_progress=True, **hub.given(), **fields), "Student")


# An adapted teacher keeps its architecture.
OF_A_STUDENT = ("layers", "n_layers", "dim", "n_heads", "hidden_dim", "init")


@options.command(extra=_fields("AdaptCard", *OF_A_STUDENT))
def adapt(
    card: Card = None,
    resume: Resume = False,
    overwrite: Overwrite = False,
    *,
    hub: options.HubOptions,
    **fields: Any,
) -> None:
    """Train the masked-LM head that a sentence encoder lacks, so that it can teach predictions.

    All weights are trained; the encoder stays near what it was. Every field is also an option.

    [bold]Examples[/bold]

      distilbert adapt --teacher ./sentence-encoder --train 'texts/*.txt' -o ./teacher
    """
    from distilbert.distilling.distill import adapt as run

    given = {"resume": resume, "overwrite": overwrite, "command": options.command_line()}
    _show(run(card, **given, show_progress=True, **hub.given(), **fields), "Teacher")


def _show(result: DistillResult, name: str) -> None:
    from distilbert.training.environment import is_main_process
    from distilbert.training.messages import counted

    if not is_main_process():
        return
    for score, value in result.scores.items():
        if not score.startswith("weighted_"):
            print(f"held-out {score:<24} {value:>10.4f}")
    size = result.n_parameters / result.n_teacher_parameters
    print(
        f"{result.n_parameters / 1e6:.1f} M parameters, {100 * size:.0f} % of the teacher's "
        f"{result.n_teacher_parameters / 1e6:.1f} M"
    )
    print(
        f"{counted(result.steps, 'update')} in {result.seconds:,.1f} s, "
        f"{result.tokens_per_second:,.0f} tokens/s"
    )
    print(f"{name + ':':<8} {result.output}")
    print(f"Report:  {result.report}")
