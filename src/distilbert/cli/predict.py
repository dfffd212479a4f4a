"""`distilbert predict TASK`: answers for texts, files or a pipe; one per input, in order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbert.cli import options
from distilbert.cli.columns import ChoiceFields, Fields, Input, remembered_data
from distilbert.cli.outputs import (
    beside,
    json_line,
    output_stream,
    shorten,
    table_format,
    table_output,
)
from distilbert.cli.rows import Inputs
from distilbert.errors import InputError

if TYPE_CHECKING:
    from distilbert.pipelines.job import Job
    from distilbert.pipelines.predictor import Predictor
    from distilbert.training.run_card import DataSection

Pair = tuple[Input, Input]

# Task -> the fields of its rows, where they are not those that its pipeline takes by keyword.
ROW_FIELDS = {"token-classification": ("text", "tokens"), "zero-shot-classification": ("text",)}
UNANSWERABLE = (
    "{} of the questions have no answer (`is_impossible`), but the model does not say that it was "
    "trained on such. If it was, add --handle-impossible-answer."
)
TASKS = ("text-classification", "token-classification", "fill-mask", "question-answering")
TASKS += ("multiple-choice", "zero-shot-classification")
TASKS += ("sentiment-analysis", "ner", "masked-lm", "qa")


@dataclass(frozen=True)
class TaskOptions:
    """What is asked of a task."""

    top_k: Annotated[
        str | None,
        typer.Option(
            help="How many answers per input, or all; by default the best, 5 of fill-mask, all of "
            "multiple-choice and zero-shot-classification."
        ),
    ] = None
    aggregation_strategy: Annotated[
        str | None,
        typer.Option(
            "--aggregation",
            "--aggregation-strategy",
            help="ner: none, simple, first, average or max; by default first.",
            autocompletion=options.words("none", "simple", "first", "average", "max"),
        ),
    ] = None
    question: Annotated[
        str | None,
        typer.Option(
            help="question-answering: ask only this question, of --context or of every input; a "
            "text file is one context."
        ),
    ] = None
    context: Annotated[
        str | None, typer.Option(help="question-answering: the passage to search.")
    ] = None
    handle_impossible_answer: Annotated[
        bool | None,
        typer.Option(
            help="question-answering: an empty answer says that the context has none; by default "
            "if the model was fine-tuned here on such questions."
        ),
    ] = None
    null_threshold: Annotated[
        float | None,
        typer.Option(
            help="question-answering: by how much the log-score of no answer must exceed that of "
            "the best; by default that of the fine-tuning, or 0."
        ),
    ] = None
    choice: Annotated[
        list[str] | None,
        typer.Option(help="multiple-choice: one ending of the text. Repeatable."),
    ] = None
    candidate_labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="zero-shot-classification: a possible label. Repeatable."),
    ] = None
    targets: Annotated[
        list[str] | None,
        typer.Option("--target", help="fill-mask: score only these words. Repeatable."),
    ] = None

    def given(self) -> dict[str, Any]:
        """The options that were set, as those of a pipeline."""
        return options.without_none(
            top_k=_count_or_all(self.top_k),
            aggregation_strategy=self.aggregation_strategy,
            handle_impossible_answer=self.handle_impossible_answer,
            null_threshold=self.null_threshold,
            targets=self.targets,
            candidate_labels=self.candidate_labels,
        )

    def check(self, inputs: Inputs) -> None:
        """Raise InputError if options do not fit together, before a model is loaded."""
        if self.choice and len(inputs.texts or ()) != 1:
            raise InputError("`--choice` needs exactly one text before it: the common beginning.")
        if self.context is not None and self.question is None:
            raise InputError("`--context` needs `--question`: got only one of them.")
        if self.context is not None and (inputs.texts or inputs.input_file):
            raise InputError("`--question` is asked of `--context` or of the inputs: got both.")
        if self.question is not None and self.context is None and not inputs.are_given():
            raise InputError("`--question` needs `--context`, texts or `--input`: got none.")

    def pairs(self, inputs: Inputs, fields: Fields) -> Iterator[Pair]:
        """Each input as it was given, and as the task reads it."""
        if self.choice and inputs.texts:
            return iter([_twice({"prompt": inputs.texts[0], "choices": self.choice})])
        if self.question is None:
            return inputs.pairs(fields)
        if self.context is not None:
            return iter([_twice({"question": self.question, "context": self.context})])
        return (self._asked(text) for text in inputs.whole_texts(fields))

    def _asked(self, row: Input) -> Pair:
        context = row if isinstance(row, str) else row.get("context", row.get("text"))
        return row, {"question": self.question, "context": context}


@options.command()
def predict(
    task: Annotated[
        str,
        typer.Argument(
            help="text-classification (sentiment-analysis), token-classification (ner), fill-mask "
            "(masked-lm), question-answering (qa), multiple-choice, zero-shot-classification.",
            autocompletion=options.words(*TASKS),
        ),
    ],
    model: options.Model,
    inputs: Inputs,
    asked: TaskOptions,
    output: options.OutputFile = None,
    as_json: options.AsJson = False,
    progress: options.Progress = None,
    *,
    loading: options.ModelOptions,
) -> None:
    """Predict with a fine-tuned model; [dim]long texts are read in windows, never cut.[/dim]

    An --output that ends in .csv, .tsv, .jsonl or .parquet has the columns of the input and those
    of the answer; --top-k all adds the scores of all classes.

    [bold]Examples[/bold]

      distilbert predict sentiment-analysis -m ./my-model "I like it." "I do not."

      distilbert predict sentiment-analysis -m ./my-model --input in.csv --output out.csv

      distilbert predict ner -m ./my-ner --input articles.txt --json > entities.jsonl

      distilbert predict qa -m ./my-qa --question "Who wrote it?" --input book.txt

      distilbert predict qa -m squad2-model --input questions.jsonl --handle-impossible-answer

      distilbert predict fill-mask -m distilbert-base-uncased "Paris is the [MASK] of France."

      cat reviews.csv | distilbert predict text-classification -m ./my-model --input - \\
          --input-format csv --field text=review --json
    """
    from distilbert.pipelines import pipeline

    asked.check(inputs)
    chosen = asked.given()
    with _writer(output, as_json) as write:
        shown = options.shows_progress(progress, output)
        pipe = pipeline(task, model, progress=shown, **loading.given(), **chosen)
        fields = _fields(pipe.job, remembered_data(pipe.opened.folder))
        pending: list[Pair] = []
        rows = _remembered(asked.pairs(inputs, fields), pending)
        n_impossible = 0
        for answer in pipe(rows):
            n_impossible += _is_impossible(pending[0][0])
            write(pending.pop(0), answer, pipe)
    if n_impossible and not getattr(pipe.job, "handle_impossible_answer", True):
        print(UNANSWERABLE.format(n_impossible), file=sys.stderr)


def _fields(job: Job, remembered: DataSection | None) -> Fields:
    if job.name == "multiple-choice":
        return ChoiceFields(job.fields, remembered)
    names = ROW_FIELDS.get(job.name) or job.fields or ("text",)
    return Fields(names, remembered, guessed="text" in names)


def _is_impossible(row: Input) -> bool:
    """Whether a row of SQuAD 2 says that its question has no answer."""
    from distilbert.tasks.columns import as_flag

    return isinstance(row, dict) and as_flag(row.get("is_impossible")) is True


def _count_or_all(text: str | None) -> Any:
    if text is None or text == "all":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"`top_k` must be a number of at least 1, or all: got {text}.")
    return int(text)


def _twice(row: Input) -> Pair:
    return row, row


def _remembered(pairs: Iterable[Pair], pending: list[Pair]) -> Iterator[Input]:
    for pair in pairs:
        pending.append(pair)
        yield pair[1]


@contextmanager
def _writer(output: str | None, as_json: bool) -> Iterator[Callable[[Pair, Any, Predictor], None]]:
    """A function that writes an answer: as a row of a table, as JSON, or for people."""
    kind = table_format(output)
    if kind is not None and output is not None and not as_json:
        with table_output(output, kind) as add:
            yield lambda pair, answer, pipe: add(_record(pair[0], answer, pipe))
        return
    with output_stream(output) as stream:
        line = _json if as_json else _readable
        yield lambda pair, answer, _: print(line(pair[1], answer), file=stream)


def _record(row: Input, answer: Any, pipe: Predictor) -> dict[str, Any]:
    columns = pipe.job.columns(answer, list(pipe.opened.config.id2label.values()))
    return beside({"text": row} if isinstance(row, str) else row, columns)


def _json(row: Input, answer: Any) -> str:
    return json_line({"input": row, "output": answer})


def _readable(row: Input, answer: Any) -> str:
    """The input on one line, then a line for each answer."""
    text = row if isinstance(row, str) else json_line(row)
    answers = answer if isinstance(answer, list) else [answer]
    if isinstance(answer, dict) and "labels" in answer:
        pairs = zip(answer["labels"], answer["scores"], strict=True)
        answers = [{"label": label, "score": score} for label, score in pairs]
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
