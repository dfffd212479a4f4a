"""`distilbert evaluate MODEL DATA`: scores with intervals, alone or against a second model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.card_options import card_options
from distilbert.cli.outputs import json_line
from distilbert.heads import TASK_ALIASES, TASK_HEADS

# Sections and fields of a card that have no effect on an evaluation.
TRAINING = ("optimization", "lora", "distillation", "label_smoothing", "r_drop")
TRAINING += (
    "train",
    "dev",
    "dev_split",
    "test",
    "max_train_rows",
    "evaluate_every",
    "patience",
    "trackers",
)
TRAINING += ("checkpoint_every", "keep_checkpoints", "log_every", "eval_batch_tokens")
TRAINING += ("tensorboard", "parallel")


Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace the evaluation in --output once the new one is complete."
    ),
]


@options.command(extra=card_options(without=TRAINING, defaults=False))
def evaluate(
    model: Annotated[str, typer.Argument(help=options.CHECKPOINT)],
    data: Annotated[
        str, typer.Argument(help="Labelled rows: a file, or hub:owner/name\\[/config]:split.")
    ],
    task: Annotated[
        str | None,
        typer.Option(
            help="By default the task that the model was trained for.",
            autocompletion=options.words(*TASK_HEADS, *TASK_ALIASES),
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--compare", "--against", help="A second model, by a paired bootstrap."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="New folder for answers and a report.")
    ] = None,
    overwrite: Overwrite = False,
    pseudo_perplexity: Annotated[
        bool, typer.Option("--pseudo-perplexity", help="masked-lm: add this score; slow.")
    ] = False,
    as_json: options.AsJson = False,
    *,
    loading: options.ModelOptions,
    **fields: Any,
) -> None:
    """Score a fine-tuned model on labelled data; [dim]--output keeps its answers.[/dim]

    Options of the data, inputs and scores are by default those of the model's fine-tuning.

    [bold]Examples[/bold]

      distilbert evaluate ./my-model test.csv

      distilbert evaluate ./my-model test.csv --compare ./other-model --output ./comparison
    """
    from distilbert.finetuning.evaluate import evaluate as score

    result = score(
        model,
        data,
        task=task,
        against=against,
        output=output,
        overwrite=overwrite,
        pseudo_perplexity=pseudo_perplexity,
        command=options.command_line(),
        **loading.given(),
        **fields,
    )
    if as_json:
        names = ("task", "metric", "n_examples", "scores", "intervals", "comparison", "skipped")
        print(json_line({name: getattr(result, name) for name in names}))
    else:
        _print_result(result)


def _print_result(result: Any) -> None:
    from distilbert.training.messages import brief_scores, counted

    shown = {result.metric: result.scores[result.metric]} | brief_scores(result.scores)
    for name, value in shown.items():
        interval = result.intervals.get(name)
        bounds = "" if interval is None else f"  [{interval[0]:.4f}, {interval[1]:.4f}]"
        print(f"{name:<24} {value:>10.4f}{bounds}")
    if len(shown) < len(result.scores):
        print(f"{len(result.scores) - len(shown)} more scores with --json, and in the report")
    print(f"{counted(result.n_examples, 'example')} in {result.seconds:,.1f} s")
    if result.skipped:
        print(f"{counted(result.skipped, 'bad row')} left out")
    if result.comparison is not None:
        print(f"{result.comparison['against']} minus {result.comparison['model']}:")
        for name, row in result.comparison["differences"].items():
            if name not in shown:
                continue
            low, high = row["interval"]
            bounds = f"[{low:+.4f}, {high:+.4f}]  p={row['p_value']:.3f}"
            print(f"{name:<24} {row['difference']:>+10.4f}  {bounds}")
    if result.output is not None:
        print(f"Answers and report: {result.output}")
