"""The rows that a card names, as examples of its task; all problems are reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import read_rows
from distilbert.errors import DataError, RunCardError
from distilbert.finetuning.tasks import check_metric
from distilbert.tasks.sequence_classification.rows import MULTI
from distilbert.tasks.task import Task
from distilbert.training.run_card import DataSection, RunCard


@dataclass(frozen=True)
class Examples:
    """Examples by split, the task with its labels, and the number of bad rows."""

    task: Task
    train: Sequence[Any]
    dev: Sequence[Any]
    test: Sequence[Any]
    skipped: int


def read_examples(card: RunCard, task: Task) -> Examples:
    """The examples of a run; labels are learned from the training rows.

    Raises:
        RunCardError: the card names no training rows, or a metric that the task does not have.
        DataError: rows break rules, or no good row is left.
    """
    data = card.data
    if data.train is None:
        raise RunCardError("`train` must name a file or hub data set of training rows: got none.")
    problems = Problems()
    unread: list[str] = []
    rows = _rows_or_error(data, data.train, data.max_train_rows, problems, unread)
    task = task.with_labels_of(rows)
    train = task.examples(rows, problems)
    # Without labels nothing can be checked in dev and test.
    no_labels = bool(unread) or (not train and hasattr(task, "labels") and not data.labels)
    dev, test = (
        [] if no_labels else task.examples(rows, problems)
        for rows in [
            _rows_or_error(data, source, data.max_dev_rows, problems, unread)
            for source in (data.dev, data.test)
        ]
    )
    if unread:
        raise DataError("\n".join([*unread, *([problems.report()] if len(problems) else [])]))
    skipped = problems.raise_or_skip(skip_bad_rows=data.skip_bad_rows)
    check_metric(task, card.evaluation.metric)
    check_some(train, data.train, problems)
    _check_labels(task, data.train, data.max_train_rows)
    for examples, source in ((dev, data.dev), (test, data.test)):
        if source is not None:
            check_some(examples, source, problems)
    return Examples(task, train, dev, test, skipped)


def _check_labels(task: Task, source: str, limit: int | None) -> None:
    """Refuse a single label, which leaves nothing to learn unless texts can be without it."""
    labels = getattr(task, "labels", ())
    if len(labels) == 1 and getattr(task, "problem_type", None) != MULTI:
        where = source if limit is None else f"the first {limit} rows of {source}"
        raise DataError(
            f"Classification needs two labels or more: got only {labels[0]!r} in {where}. Set "
            f"`label` to the right column, or `labels` to all label names."
        )


def _rows_or_error(
    data: DataSection, source: str | None, limit: int | None, problems: Problems, unread: list[str]
) -> list[Row]:
    """Rows of a source; none without one. If it cannot be read, `unread` gets the error."""
    if source is None:
        return []
    try:
        return rows_of(data, source, limit, problems)
    except DataError as error:
        unread.append(str(error))
        return []


def examples_of(task: Task, data: DataSection, source: str, problems: Problems) -> list[Any]:
    """The good examples of a source to be scored."""
    return task.examples(rows_of(data, source, data.max_dev_rows, problems), problems)


def check_some(examples: Sequence[Any], source: str, problems: Problems) -> None:
    """
    Raises:
        DataError: there are no examples.
    """
    if not examples:
        why = f"\n{problems.report()}" if len(problems) else ""
        raise DataError(f"{source} must contain at least one good row: got none.{why}")


def rows_of(data: DataSection, source: str, limit: int | None, problems: Problems) -> list[Row]:
    """Rows of a source, read as the card says."""
    return read_rows(source, data=data, limit=limit, problems=problems)
