"""`distilbert predict TASK`: answers for texts, files or a pipe; one per input, in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.rows import Input, Inputs, json_line, output_stream, shorten
from distilbert.errors import InputError


@options.command()
def predict(
    task: Annotated[
        str,
        typer.Argument(
            help="text-classification (sentiment-analysis), token-classification (ner), fill-mask, "
            "question-answering, multiple-choice."
        ),
    ],
    model: options.Model,
    inputs: Inputs,
    output: options.OutputFile = None,
    as_json: options.AsJson = False,
    top_k: Annotated[int | None, typer.Option(help="How many answers per input.", min=1)] = None,
    aggregation_strategy: Annotated[
        str | None,
        typer.Option("--aggregation", help="ner: none, simple, first, average or max."),
    ] = None,
    question: Annotated[
        str | None, typer.Option(help="question-answering: ask only this question.")
    ] = None,
    context: Annotated[
        str | None, typer.Option(help="question-answering: the passage to search.")
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option(help="multiple-choice: one ending of the text. Repeatable."),
    ] = None,
    targets: Annotated[
        list[str] | None,
        typer.Option("--target", help="fill-mask: score only these words. Repeatable."),
    ] = None,
    progress: options.Progress = False,
    *,
    loading: options.ModelOptions,
) -> None:
    """Predict with a fine-tuned model; [dim]long texts are read in windows, never cut.[/dim]

    [bold]Examples[/bold]

      distilbert predict sentiment-analysis -m ./my-model "I like it." "I do not."

      distilbert predict ner -m ./my-ner --input articles.txt --json > entities.jsonl

      distilbert predict question-answering -m ./my-qa --question "Who wrote it?" --context "..."

      distilbert predict fill-mask -m distilbert-base-uncased "Paris is the [MASK] of France."

      cat reviews.csv | distilbert predict text-classification -m ./my-model --input - \\
          --input-format csv --field text=review --json
    """
    from distilbert.pipelines import pipeline

    if question is not None or context is not None or choice:
        rows = iter([_one_row(inputs.texts, question, context, choice)])
    else:
        rows = inputs.rows()
    pipe = pipeline(task, model, progress=progress, **loading.given())
    chosen = options.without_none(
        top_k=top_k, aggregation_strategy=aggregation_strategy, targets=targets
    )
    answers = pipe(_remembered(rows, pending := []), **chosen)
    with output_stream(output) as stream:
        for answer in answers:
            row = pending.pop(0)
            if as_json:
                print(json_line({"input": row, "output": answer}), file=stream)
            else:
                print(_readable(row, answer), file=stream)


def _one_row(
    texts: list[str] | None, question: str | None, context: str | None, choices: list[str] | None
) -> Input:
    if choices:
        if not texts or len(texts) != 1:
            raise InputError("`--choice` needs exactly one text before it: the common beginning.")
        return {"prompt": texts[0], "choices": choices}
    if question is None or context is None:
        raise InputError("`--question` and `--context` go together: got only one of them.")
    return {"question": question, "context": context}


def _remembered(rows: Iterable[Input], pending: list[Input]) -> Iterator[Input]:
    for row in rows:
        pending.append(row)
        yield row


def _readable(row: Input, answer: Any) -> str:
    """The input on one line, then a line for each answer."""
    text = row if isinstance(row, str) else json_line(row)
    answers = answer if isinstance(answer, list) else [answer]
    items = [item for one in answers for item in (one if isinstance(one, list) else [one])]
    lines = [f"  {_line(item)}" for item in items] or ["  (nothing found)"]
    return "\n".join([shorten(text, 100), *lines])


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
