"""From the words of a run card to a task, and from a result folder back to the task it was for."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.convert import TASK_FILE
from distilbert.config import DistilBertConfig
from distilbert.data.glue import glue_task
from distilbert.errors import CheckpointError, RunCardError
from distilbert.heads import TASK_HEADS
from distilbert.tasks.columns import Columns
from distilbert.tasks.masked_lm.train import MaskedLMTask
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.question_answering.train import QuestionAnsweringTask
from distilbert.tasks.sequence_classification.train import (
    MULTI,
    REGRESSION,
    SequenceClassificationTask,
)
from distilbert.tasks.task import Answer, Task
from distilbert.tasks.token_classification.train import TokenClassificationTask
from distilbert.training.run_card import RunCard

# What a result folder remembers of its task besides the config.
REMEMBERED = ("max_length", "overlap", "thresholds", "unanswerable", "null_threshold")
REMEMBERED += ("scheme", "usual_tag", "first", "long_texts", "label_all_tokens")
REMEMBERED += ("max_question_length", "max_answer_length", "n_best")
REMEMBERED += ("mask_probability", "whole_words", "join")
# Fields of a card that are named otherwise in their task.
IN_TASK = {"join_texts": "join"}


# Each kind of average of entities, strict and not.
ENTITY_SCORES = tuple(
    f"{strict}{score}{average}"
    for strict in ("", "strict_")
    for average in ("", "_macro", "_weighted")
    for score in ("precision", "recall", "f1")
)


def task_of(card: RunCard) -> Task:
    """The task of a card, its labels still to be learned where the card names none.

    Raises:
        RunCardError: unknown task, or `glue` with another task than text-classification.
    """
    data, inputs, evaluation = card.data, card.inputs, card.evaluation
    sizes: dict[str, Any] = {"max_length": inputs.max_length, "overlap": inputs.overlap}
    match TASK_HEADS[card.task].name:
        case "sequence_classification":
            return _classification(card, sizes)
        case "token_classification":
            return TokenClassificationTask(
                labels=data.labels,
                label_all_tokens=inputs.label_all_tokens,
                tokens=data.tokens,
                tags=data.tags,
                chosen_metric=evaluation.metric,
                **sizes,
            )
        case "masked_lm":
            return MaskedLMTask(
                text=data.text or "text",
                mask_probability=inputs.mask_probability,
                whole_words=inputs.whole_words,
                join=inputs.join_texts,
                chosen_metric=evaluation.metric,
                **sizes,
            )
        case "question_answering":
            return QuestionAnsweringTask(
                question=data.question,
                context=data.context,
                answers_column=data.answers,
                max_question_length=inputs.max_question_length,
                max_answer_length=evaluation.max_answer_length,
                n_best=evaluation.n_best,
                null_threshold=evaluation.null_threshold,
                chosen_metric=evaluation.metric,
                **sizes,
            )
    return MultipleChoiceTask(
        prompt=data.prompt,
        choices=data.choices,
        label=data.label,
        max_length=inputs.max_length,
        chosen_metric=evaluation.metric,
    )


def _classification(card: RunCard, sizes: Mapping[str, Any]) -> SequenceClassificationTask:
    data, inputs, objective, evaluation = (card.data, card.inputs, card.objective, card.evaluation)
    separator = data.label_separator if objective.problem_type == MULTI else None
    task = SequenceClassificationTask(
        columns=Columns(data.text, data.text_pair, data.label, separator),
        labels=data.labels,
        problem_type=objective.problem_type,
        long_texts=inputs.long_texts,
        chosen_metric=evaluation.metric,
        **sizes,
    )
    if data.glue is None:
        return task
    glue = glue_task(data.glue)
    return replace(
        task,
        labels=data.labels or glue.labels,
        problem_type=objective.problem_type or glue.problem_type,
        chosen_metric=evaluation.metric or glue.metric,
    )


def tuned(task: Task, examples: Sequence[Any], answers: Sequence[Answer]) -> Task:
    """The task with the thresholds that are best on these examples; itself where it has none."""
    if isinstance(task, SequenceClassificationTask) and task.problem_type == MULTI:
        return task.with_thresholds(examples, answers)
    if isinstance(task, QuestionAnsweringTask):
        return task.with_null_threshold(examples, answers)
    return task


def score_names(task: Task) -> tuple[str, ...]:
    """The scores of a task whose labels are known, `loss` first."""
    match task:
        case SequenceClassificationTask(problem_type=kind) if kind == REGRESSION:
            own = ("pearson", "spearman", "pearson_spearman", "rmse", "mae")
        case SequenceClassificationTask(problem_type=kind) if kind == MULTI:
            own = ("f1_micro", "f1_macro", "exact", "average_precision")
        case SequenceClassificationTask():
            own = ("accuracy", "f1_macro", "matthews")
            own += ("f1",) if len(task.labels) == 2 else ()
        case TokenClassificationTask():
            own = ("accuracy", "f1_macro") if task.bare else ("accuracy", *ENTITY_SCORES)
        case MaskedLMTask():
            own = ("perplexity", "accuracy")
        case QuestionAnsweringTask():
            own = ("exact", "f1")
        case _:
            own = ("accuracy",)
    return ("loss", *own)


def check_metric(task: Task, chosen: str | None) -> None:
    """
    Raises:
        RunCardError: the task has no score of the chosen name.
    """
    names = score_names(task)
    if chosen is not None and chosen not in names:
        raise RunCardError(
            f"`metric` must be one of the scores of the task, {', '.join(names)}: got {chosen!r}."
        )


def class_weights_of(task: Task, card: RunCard, examples: Sequence[Any]) -> np.ndarray | None:
    """How much each label counts in the loss (N,); None where all count alike.

    Raises:
        RunCardError: weights are asked for, but the task has no classes.
    """
    if card.objective.class_weights is None:
        return None
    if not isinstance(task, SequenceClassificationTask) or task.problem_type == REGRESSION:
        raise RunCardError(
            f"`class_weights` are for text-classification with labels: got {card.task!r}."
        )
    return task.weights_of(examples)


def settings_text(task: Task) -> str:
    """What a result folder remembers of its task, as JSON."""
    settings = asdict(task)  # pyright: ignore[reportArgumentType]
    kept = {name: settings[name] for name in REMEMBERED if name in settings}
    return json.dumps({"head": task.head, **kept}, indent=1)


def as_trained(
    task: Task, folder: Path, config: DistilBertConfig, *, chosen: Collection[str] = ()
) -> Task:
    """The task with the labels of a model's config and what its result folder remembers.

    `chosen` names fields of the card that stay as `task` has them, whatever is remembered.

    Raises:
        CheckpointError: the folder remembers another task.
    """
    changes: dict[str, Any] = {}
    fields = asdict(task)  # pyright: ignore[reportArgumentType]
    if "problem_type" in fields:
        kind = config.problem_type or fields["problem_type"]
        changes["problem_type"] = REGRESSION if kind is None and config.num_labels == 1 else kind
    if "labels" in fields and changes.get("problem_type") != REGRESSION:
        changes["labels"] = tuple(config.id2label[i] for i in range(config.num_labels))
    path = folder / TASK_FILE
    if path.is_file():
        remembered = json.loads(path.read_text(encoding="utf-8"))
        if remembered.pop("head", task.head) != task.head:
            raise CheckpointError(f"{folder} was trained for another task than {task.head}.")
        stay = {IN_TASK.get(name, name) for name in chosen}
        changes |= {n: value for n, value in remembered.items() if n in fields and n not in stay}
    for name, value in changes.items():
        if isinstance(value, list):
            changes[name] = tuple(value)
    return replace(task, **changes)  # pyright: ignore[reportArgumentType]
