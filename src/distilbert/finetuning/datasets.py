"""The rows that a card names as examples of its task, with all their problems told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.data.sources import read_rows
from distilbert.errors import DataError, RunCardError
from distilbert.tasks.labelled.task import Task
from distilbert.training.run_card import DataSection, RunCard


@dataclass(frozen=True)
class Examples:
    """Examples by split, the task that learned its labels from them, and how many rows were bad."""

    task: Task
    train: Sequence[Any]
    dev: Sequence[Any]
    test: Sequence[Any]
    skipped: int


def read_examples(card: RunCard, task: Task) -> Examples:
    """The examples of a run; labels are learned from the training rows.

    Raises:
        RunCardError: the card names no training rows.
        DataError: rows break rules, or no good row is left.
    """
    data = card.data
    if data.train is None:
        raise RunCardError("`train` must name the training rows: got none. Give it with `--train`.")
    problems = Problems()
    rows = rows_of(data, data.train, data.max_train_rows, problems)
    task = task.with_labels_of(rows)
    train = task.examples(rows, problems)
    dev, test = (
        [] if source is None else examples_of(task, data, source, problems)
        for source in (data.dev, data.test)
    )
    skipped = problems.settle(skip_bad_rows=data.skip_bad_rows)
    check_some(train, data.train)
    for examples, source in ((dev, data.dev), (test, data.test)):
        if source is not None:
            check_some(examples, source)
    return Examples(task, train, dev, test, skipped)


def examples_of(task: Task, data: DataSection, source: str, problems: Problems) -> list[Any]:
    """The good examples of a source that is to be scored."""
    return task.examples(rows_of(data, source, data.max_dev_rows, problems), problems)


def check_some(examples: Sequence[Any], source: str) -> None:
    """
    Raises:
        DataError: there are no examples.
    """
    if not examples:
        raise DataError(f"{source} must hold at least one good row: got none.")


def rows_of(data: DataSection, source: str, limit: int | None, problems: Problems) -> list[Row]:
    """Rows of a source, read as the card says."""
    return read_rows(source, data=data, limit=limit, problems=problems)
