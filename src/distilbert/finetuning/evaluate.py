"""`evaluate`: a model and labelled data in, scores with intervals out, alone or compared."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert.checkpoint.output_folder import Contents, check_output, new_result
from distilbert.data.memory import describe, names_sources, rows_in_memory, sources_of
from distilbert.data.problems import Problems
from distilbert.data.sources import named_rows, read_rows
from distilbert.errors import InputError
from distilbert.finetuning.datasets import check_some
from distilbert.finetuning.result import split_report, write_answers
from distilbert.finetuning.scoring import Evaluated, Split, answered, scores_of
from distilbert.finetuning.tasks import as_trained, task_of
from distilbert.heads import HEADS
from distilbert.load_options import take_load_options
from distilbert.opening import OpenModel, find_model, open_model, task_head
from distilbert.tasks.masked_lm.pseudo_perplexity import pseudo_perplexity as pseudo_perplexity_of
from distilbert.tasks.task import Answer, Task, higher_is_better
from distilbert.training.card_file import AnyCard, as_card, read_result_card, with_changes
from distilbert.training.environment import environment
from distilbert.training.intervals import paired_bootstrap
from distilbert.training.report import PAGE_FILE, PLOTS_FOLDER, REPORT_FILE, write_report
from distilbert.training.run_card import DataSection, RunCard
from distilbert.training.run_folder import CARD_FILE

# Examples that are evaluated together; only their answers are kept in memory.
CHUNK = 4096
ANSWERS_FILE = "answers.jsonl"
EVALUATION = Contents(
    "evaluation", mark=REPORT_FILE, others=(ANSWERS_FILE, PAGE_FILE, f"{PLOTS_FOLDER}/*.png")
)
# Fields of the card of a run that are about its rows, not about those to be scored.
OTHER_ROWS = ("train", "dev", "dev_split", "test", "max_train_rows", "max_dev_rows")


@dataclass(frozen=True)
class EvaluationResult:
    """Scores of a model.

    `scores` holds the mean `loss` and the task's scores; `intervals` the 95 % bootstrap interval of
    each; `answers` one per example; `seconds` the time for tokenizing and for the model;
    `comparison` holds the differences to a second model's scores; `skipped` counts bad rows.
    """

    task: str
    metric: str
    n_examples: int
    scores: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    answers: list[Answer]
    seconds: float
    skipped: int
    comparison: dict[str, Any] | None
    output: Path | None


def evaluate(
    model: Any,
    data: Any,
    *,
    task: str | None = None,
    tokenizer: Any = None,
    against: Any = None,
    output: str | PathLike[str] | None = None,
    overwrite: bool = False,
    framework: str | None = None,
    device: Any = None,
    dtype: Any = None,
    batch_tokens: int | None = None,
    pseudo_perplexity: bool = False,
    command: str | None = None,
    card: AnyCard = None,
    **changes: Any,
) -> EvaluationResult:
    """Score a model on labelled data.

    Args:
        model: a source (folder, hub name, `pypi:`), a model of this package, or a runner.
        data: files or a hub data set, as `dev` of a run card; or rows: a DataFrame, a Dataset, a
            list of dicts, a dict of columns.
        task: as in a run card; by default the model's task.
        tokenizer: a tokenizer or its source; by default the model's.
        against: a second model of the same labels, compared by a paired bootstrap; also `compare`.
        output: a new or empty folder for scores, raw answers and a report.
        overwrite: replace an evaluation in `output`, once the new one is complete.
        framework, device, dtype: of models that come from a source.
        batch_tokens: padded tokens per batch.
        pseudo_perplexity: for masked-lm, also compute this score; it computes one row per token.
        command: the command that the report shows for repeating this.
        card: a run card, its values or its file, for columns and options of the task; by default
            those of the run that left the folder of the model.
        changes: fields of the card to replace, whatever the folder of the model remembers, and
            options of the hub (`revision`, `token`, ...); `allow_untrained=True` scores a model
            that was not trained for the task.

    Raises:
        DataError: rows break rules; all are named.
        InputError: the tasks of the models, `output` or another option break a rule.
    """
    against = changes.pop("compare", against)
    sources = sources_of(data) if names_sources(data) else ()
    target = _target(output, (model, against, tokenizer, *sources), overwrite=overwrite)
    opening = {"tokenizer": tokenizer, "device": device, "dtype": dtype}
    opening |= {"framework": framework, "options": take_load_options(changes)}
    first = _opened(model, task, **opening)
    _check_pseudo(pseudo_perplexity, first)
    second = None if against is None else _opened(against, task, **opening)
    card = card_for(card, first.folder, sources)
    card = with_changes(card, {**changes, "task": HEADS[first.head].task})
    subject = as_trained(task_of(card), first.folder, first.config, chosen=changes)
    examples, skipped = read_examples(subject, card, data)
    found = _evaluated(subject, first, examples, batch_tokens)
    if pseudo_perplexity:
        found.scores["pseudo_perplexity"] = _pseudo_perplexity(subject, first, found, batch_tokens)
    comparison = None
    if second is not None:
        theirs = as_trained(subject, second.folder, second.config, chosen=changes)
        comparison = _compared(subject, theirs, first, second, found, card, batch_tokens)
    report = split_report(subject, found, resamples=card.evaluation.bootstrap, seed=card.seed)
    result = EvaluationResult(
        task=card.task,
        metric=subject.metric,
        n_examples=len(examples),
        scores=found.scores,
        intervals=report["intervals"],
        answers=found.answers,
        seconds=found.seconds,
        skipped=skipped,
        comparison=comparison,
        output=target,
    )
    if target is not None:
        named = ", ".join(sources) or describe(data, len(examples) + skipped)
        facts = {"model": first.name, "data": named, "command": command, "splits": {"test": report}}
        _write(target, result, subject, found, facts, pages=card.run.report)
    return result


def _target(
    output: str | PathLike[str] | None, sources: Sequence[Any], *, overwrite: bool
) -> Path | None:
    if output is not None:
        check_output(Path(output), EVALUATION, overwrite=overwrite, sources=sources)
    return None if output is None else Path(output)


def _opened(model: Any, task: str | None, **opening: Any) -> OpenModel:
    """The model with the head of `task`, or with the one it was saved with."""
    if isinstance(model, (str, PathLike)):
        wanted = {name: opening[name] for name in ("framework", "options", "dtype")}
        model = find_model(model, **wanted)
    return open_model(model, task_head(model, task), **opening)


def card_for(card: AnyCard, folder: Path | None, sources: Sequence[str]) -> RunCard:
    """The card passed, or what the folder of a run says about columns, inputs and scores.

    How a file is read (`data_format`, `column_names`) holds only for files with the same suffix.
    """
    if card is not None:
        return as_card(card, {})
    if folder is None or not (folder / CARD_FILE).is_file():
        return RunCard()
    trained = read_result_card(folder / CARD_FILE)
    others = {name: getattr(DataSection(), name) for name in OTHER_ROWS}
    if _suffixes(sources) != _suffixes(trained.data.train):
        others |= {"data_format": None, "column_names": ()}
    return with_changes(trained, {**others, "skip_bad_rows": False})


def _suffixes(sources: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(Path(source).suffixes) for source in sources}


def read_examples(task: Task, card: RunCard, data: Any) -> tuple[list[Any], int]:
    """The good examples of files, a hub data set or rows, and how many rows were bad.

    Raises:
        DataError: rows break rules, or there are none.
    """
    problems, options = Problems(), card.data
    if names_sources(data):
        sources, limit = sources_of(data), options.max_dev_rows
        rows = read_rows(sources, data=options, limit=limit, problems=problems)
    else:
        sources, given = ("data",), rows_in_memory(data, "data")
        rows = list(islice(named_rows(given, options.glue), options.max_dev_rows))
    examples = task.examples(rows, problems)
    skipped = problems.raise_or_skip(skip_bad_rows=options.skip_bad_rows)
    check_some(examples, sources, problems)
    return examples, skipped


def _write(
    target: Path,
    result: EvaluationResult,
    task: Task,
    found: Evaluated,
    facts: Mapping[str, Any],
    *,
    pages: bool,
) -> None:
    report = {
        **facts,
        "task": result.task,
        "skipped_rows": result.skipped,
        "comparison": result.comparison,
        "metric": result.metric,
        "higher_is_better": higher_is_better(task.metric),
        "environment": environment(),
    }
    with new_result(target, EVALUATION) as staging:
        write_answers(staging / ANSWERS_FILE, task, found)
        write_report(staging, report, pages=pages)


def _evaluated(
    task: Task, model: OpenModel, examples: Sequence[Any], batch_tokens: int | None
) -> Evaluated:
    """Answers to all examples, a chunk at a time."""
    answers: list[Answer] = []
    begin = time.perf_counter()
    pad_id = model.tokenizer.pad_token_id or 0
    for start in range(0, len(examples), CHUNK):
        part = examples[start : start + CHUNK]
        features = task.features(model.tokenizer, part, training=False)
        split = Split("test", part, features)
        answers += answered(task, model.runner, split, batch_tokens=batch_tokens, pad_id=pad_id)
    seconds = time.perf_counter() - begin
    split = Split("test", examples, [])
    return Evaluated(split, answers, scores_of(task, split, answers), seconds)


def _check_pseudo(is_asked: bool, model: OpenModel) -> None:
    if is_asked and model.head != "masked_lm":
        raise InputError(f"`pseudo_perplexity` is for masked-lm: got {HEADS[model.head].task}.")


def _pseudo_perplexity(
    task: Any, model: OpenModel, found: Evaluated, batch_tokens: int | None
) -> float:
    """Of all texts together, in the windows of the task."""
    return pseudo_perplexity_of(
        model.runner,
        model.tokenizer,
        [example.text for example in found.split.examples],
        max_length=task.max_length,
        overlap=task.overlap,
        batch_tokens=batch_tokens,
    ).perplexity


def _compared(
    task: Task,
    theirs: Task,
    first: OpenModel,
    second: OpenModel,
    found: Evaluated,
    card: RunCard,
    batch_tokens: int | None,
) -> dict[str, Any]:
    """How the second model's scores differ from the first's on the same examples."""
    one_value = first.config.num_labels == second.config.num_labels == 1
    differ = second.config.id2label != first.config.id2label and not one_value
    if second.head != first.head or differ:
        raise InputError(
            f"Models that are compared must have the same head and labels: those of "
            f"{first.name} and {second.name} differ."
        )
    examples = found.split.examples
    other = _evaluated(theirs, second, examples, batch_tokens)
    difference = paired_bootstrap(
        task.scorer(examples, found.answers),
        theirs.scorer(examples, other.answers),
        len(examples),
        resamples=card.evaluation.bootstrap,
        seed=card.seed,
    )
    return {
        "model": first.name,
        "against": second.name,
        "scores": found.scores,
        "scores_against": other.scores,
        "differences": difference,
    }
