"""`distilbert predict TASK`: answers for texts, files or a pipe, one result per input, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.rows import Row, json_line, output_stream, read_rows, rename_fields
from distilbert.errors import InputError

EXAMPLES = """
[bold]Examples[/bold]

  distilbert predict sentiment-analysis -m ./my-model "I like it." "I do not."

  distilbert predict ner -m ./my-ner --input articles.txt --json > entities.jsonl

  distilbert predict question-answering -m ./my-qa --question "Who wrote it?" --context "..."

  distilbert predict fill-mask -m distilbert-base-uncased "Paris is the [MASK] of France."

  cat reviews.csv | distilbert predict text-classification -m ./my-model --input - \\
      --input-format csv --field text=review --json
"""


def predict(
    task: Annotated[
        str,
        typer.Argument(
            help="text-classification (sentiment-analysis), token-classification (ner), fill-mask, "
            "question-answering, multiple-choice."
        ),
    ],
    model: options.Model,
    texts: options.Texts = None,
    input_file: options.InputFile = None,
    input_format: options.InputFormat = None,
    field: Annotated[
        list[str] | None,
        typer.Option("--field", help="Name a column for the task: text=review. Repeatable."),
    ] = None,
    output: options.OutputFile = None,
    as_json: options.AsJson = False,
    top_k: Annotated[
        int | None, typer.Option("--top-k", help="How many answers per input.", min=1)
    ] = None,
    aggregation: Annotated[
        str | None,
        typer.Option("--aggregation", help="ner: none, simple, first, average or max."),
    ] = None,
    question: Annotated[
        str | None, typer.Option("--question", help="question-answering: ask this one question.")
    ] = None,
    context: Annotated[
        str | None, typer.Option("--context", help="question-answering: the passage to search.")
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option("--choice", help="multiple-choice: one ending of the text. Repeatable."),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="fill-mask: score only these words. Repeatable."),
    ] = None,
    progress: Annotated[
        bool, typer.Option("--progress", help="Show a progress bar on standard error.")
    ] = False,
    framework: options.Framework = None,
    device: options.Device = None,
    dtype: options.Dtype = None,
    revision: options.Revision = None,
    token: options.Token = None,
    cache_dir: options.CacheDir = None,
    local_files_only: options.LocalOnly = False,
) -> None:
    """Predict with a fine-tuned model; [dim]long texts are read in windows, never cut.[/dim]"""
    from distilbert.pipelines import pipeline

    if question is not None or context is not None or choice:
        rows = iter([_one_row(texts, question, context, choice)])
    else:
        rows = rename_fields(read_rows(texts, input_file, input_format), field)
    asked = {"top_k": top_k, "aggregation_strategy": aggregation, "targets": target}
    pipe = pipeline(
        task,
        model,
        framework=framework,
        device=device,
        dtype=dtype,
        progress=progress,
        **options.hub_options(revision, token, cache_dir, local_files_only),
    )
    answers = pipe(_kept(rows, seen := []), **{k: v for k, v in asked.items() if v is not None})
    with output_stream(output) as stream:
        for answer in answers:
            row = seen.pop(0)
            line = (
                json_line({"input": row, "output": answer}) if as_json else _for_people(row, answer)
            )
            print(line, file=stream)


predict.__doc__ = f"{predict.__doc__}\n{EXAMPLES}"


def _one_row(
    texts: list[str] | None, question: str | None, context: str | None, choices: list[str] | None
) -> Row:
    if choices:
        if not texts or len(texts) != 1:
            raise InputError("`--choice` needs exactly one text before it: the common beginning.")
        return {"prompt": texts[0], "choices": choices}
    if question is None or context is None:
        raise InputError("`--question` and `--context` go together: got only one of them.")
    return {"question": question, "context": context}


def _kept(rows: Iterable[Row], seen: list[Row]) -> Iterator[Row]:
    for row in rows:
        seen.append(row)
        yield row


def _for_people(row: Row, answer: Any) -> str:
    """A few readable lines: the input, then its answers indented."""
    text = row if isinstance(row, str) else json_line(row)
    answers = answer if isinstance(answer, list) else [answer]
    items = [item for one in answers for item in (one if isinstance(one, list) else [one])]
    lines = [f"  {_line(item)}" for item in items] or ["  (nothing found)"]
    return "\n".join([text if len(text) <= 100 else f"{text[:97]}...", *lines])


def _line(item: dict[str, Any]) -> str:
    score = f"{item['score']:.4f}"
    match item:
        case {"answer": answer, "start": start, "end": end}:
            return f"{score}  {answer!r} [{start}:{end}]"
        case {"sequence": sequence, "token_str": word}:
            return f"{score}  {word}  ->  {sequence}"
        case {"word": word, "start": start, "end": end}:
            label = item.get("entity_group", item.get("entity"))
            return f"{score}  {label}  {word} [{start}:{end}]"
        case {"label": label}:
            return f"{score}  {label}"
    return json_line(item)
