"""The rows that a card names, as examples of its task; all problems are reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from distilbert.data.memory import Memory
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import named_rows, read_rows
from distilbert.errors import DataError, RunCardError
from distilbert.finetuning.dev_split import split_dev
from distilbert.finetuning.tasks import check_metric
from distilbert.tasks.columns import column_names
from distilbert.tasks.sequence_classification.rows import MULTI
from distilbert.tasks.task import Task
from distilbert.training.run_card import DataSection, RunCard

SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class Examples:
    """Examples by split, the task with its labels, the number of bad rows, and the columns of the
    training rows."""

    task: Task
    train: Sequence[Any]
    dev: Sequence[Any]
    test: Sequence[Any]
    skipped: int
    columns: tuple[str, ...] = ()


def read_examples(card: RunCard, task: Task, memory: Memory | None = None) -> Examples:
    """The examples of a run; labels are learned from the training rows.

    Raises:
        RunCardError: the card names no training rows, or a metric that the task does not have.
        DataError: rows break rules, or no good row is left.
    """
    data = card.data
    if not data.train:
        raise RunCardError("`train` must name a file or hub data set of training rows: got none.")
    problems = Problems()
    unread: list[str] = []
    rows = {name: _rows_or_error(data, name, memory or {}, problems, unread) for name in SPLITS}
    task = task.with_labels_of(rows["train"])
    train = task.examples(rows["train"], problems)
    # Without labels nothing can be checked in dev and test.
    no_labels = bool(unread) or (not train and hasattr(task, "labels") and not data.labels)
    dev, test = (
        [] if no_labels else task.examples(rows[name], problems) for name in ("dev", "test")
    )
    if unread:
        raise DataError("\n".join([*unread, *([problems.report()] if len(problems) else [])]))
    skipped = problems.raise_or_skip(skip_bad_rows=data.skip_bad_rows)
    check_metric(task, card.evaluation.metric)
    check_some(train, data.train, problems)
    _check_labels(task, data.train, data.max_train_rows)
    for examples, sources in ((dev, data.dev), (test, data.test)):
        if sources:
            check_some(examples, sources, problems)
    if data.dev_split is not None:
        train, dev = split_dev(train, data.dev_split, seed=card.seed)
    return Examples(task, train, dev, test, skipped, tuple(column_names(rows["train"])))


def _check_labels(task: Task, sources: Sequence[str], limit: int | None) -> None:
    """Refuse a single label, which leaves nothing to learn unless texts can be without it."""
    labels = getattr(task, "labels", ())
    if len(labels) == 1 and getattr(task, "problem_type", None) != MULTI:
        where = ", ".join(sources)
        where = where if limit is None else f"the first {limit} rows of {where}"
        raise DataError(
            f"Classification needs two labels or more: got only {labels[0]!r} in {where}. Set "
            f"`label` to the right column, or `labels` to all label names."
        )


def _rows_or_error(
    data: DataSection, split: str, memory: Memory, problems: Problems, unread: list[str]
) -> list[Row]:
    """Rows of a split; none without it. If it cannot be read, `unread` gets the error."""
    limit = data.max_train_rows if split == "train" else data.max_dev_rows
    if split in memory:
        return list(islice(named_rows(memory[split], data.glue), limit))
    try:
        return read_rows(getattr(data, split), data=data, limit=limit, problems=problems)
    except DataError as error:
        unread.append(str(error))
        return []


def check_some(examples: Sequence[Any], sources: Sequence[str], problems: Problems) -> None:
    """
    Raises:
        DataError: there are no examples.
    """
    if not examples:
        why = f"\n{problems.report()}" if len(problems) else ""
        names = ", ".join(sources) or "The data"
        raise DataError(f"{names} must contain at least one good row: got none.{why}")
