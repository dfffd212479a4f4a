"""From a run card to a task, and from a result folder back to the task that was trained."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.config import DistilBertConfig
from distilbert.data.glue import glue_task
from distilbert.errors import CheckpointError, RunCardError
from distilbert.heads import HEADS, TASK_HEADS
from distilbert.task_file import read_task_file
from distilbert.tasks.masked_lm.train import MaskedLMTask
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.question_answering.train import QuestionAnsweringTask
from distilbert.tasks.sequence_classification.rows import Columns
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.tasks.task import Task
from distilbert.tasks.token_classification.train import TokenClassificationTask
from distilbert.training.run_card import RunCard

TASKS: dict[str, type[Any]] = {
    task.head: task
    for task in (
        MaskedLMTask,
        MultipleChoiceTask,
        QuestionAnsweringTask,
        SequenceClassificationTask,
        TokenClassificationTask,
    )
}
# Fields of a task that have another name in a card.
IN_CARD = {"chosen_metric": "metric", "answers_column": "answers"}


def task_of(card: RunCard) -> Task:
    """The task of a card, its labels still to be learned if the card names none."""
    sections = [section for section in card.model_dump().values() if isinstance(section, dict)]
    card_fields = {name: value for section in sections for name, value in section.items()}
    kind = TASKS[TASK_HEADS[card.task].name]
    values = {f.name: card_fields.get(IN_CARD.get(f.name, f.name)) for f in fields(kind)}
    task = kind(**{name: value for name, value in values.items() if value is not None})
    return _with_columns(task, card) if isinstance(task, SequenceClassificationTask) else task


def _with_columns(task: SequenceClassificationTask, card: RunCard) -> SequenceClassificationTask:
    """The task with the columns that a card names, or those of its GLUE task."""
    data = card.data
    columns = Columns(data.text, data.text_pair, data.label, data.label_separator)
    if data.missing is not None:
        columns = replace(columns, missing=data.missing)
    task = replace(task, columns=columns)
    if data.glue is None:
        return task
    glue = glue_task(data.glue)
    return replace(
        task,
        labels=task.labels or glue.labels,
        problem_type=task.problem_type or glue.problem_type,
        chosen_metric=task.chosen_metric or glue.metric,
    )


def check_metric(task: Task, chosen: str | None) -> None:
    """
    Raises:
        RunCardError: the task has no score of the chosen name.
    """
    if chosen is not None and chosen not in task.score_names:
        raise RunCardError(
            f"`metric` must be one of the scores of the task, {', '.join(task.score_names)}: "
            f"got {chosen!r}."
        )


def class_weights_of(
    task: Task, class_weights: str | None, examples: Sequence[Any]
) -> np.ndarray | None:
    """The weights in the loss (N,) that a card asks for; None if it asks for none.

    Raises:
        RunCardError: the task has no classes.
    """
    if class_weights is None:
        return None
    weights = task.class_weights(examples)
    if weights is None:
        raise RunCardError(
            "`class_weights` are for text-classification with labels: "
            f"got {HEADS[task.head].task!r}."
        )
    return weights


def settings_text(task: Task) -> str:
    """What a result folder stores of its task, as JSON."""
    stored = {"head": task.head, **{name: getattr(task, name) for name in task.remembered}}
    if isinstance(task, SequenceClassificationTask):
        stored["pairs"] = task.columns.text_pair is not None
    return json.dumps(stored, indent=1)


def as_trained(
    task: Task, folder: Path | None, config: DistilBertConfig, *, chosen: Collection[str] = ()
) -> Task:
    """The task with the labels of a model's config and what its result folder stores, if any.

    `chosen` names fields of the card that keep the values of `task`, whatever is stored.

    Raises:
        CheckpointError: the folder was trained for another task.
    """
    stored = read_task_file(folder)
    if stored.get("head", task.head) != task.head:
        raise CheckpointError(f"{folder} was trained for another task than {task.head}.")
    changes = {
        name: value
        for name, value in stored.items()
        if name in task.remembered and name not in chosen
    }
    trained = replace(task.with_config(config), **changes)  # pyright: ignore[reportArgumentType]
    return _with_names(trained, task, chosen)


def _with_names(trained: Any, task: Any, chosen: Collection[str]) -> Any:
    """The trained task with the names that a caller chose for its labels, in their order."""
    if "labels" not in chosen or not getattr(task, "labels", ()):
        return trained
    if len(task.labels) != len(trained.labels):
        raise RunCardError(
            f"`labels` must name the labels of the model in their order, {len(trained.labels)}: "
            f"got {len(task.labels)}."
        )
    return replace(trained, labels=task.labels)
