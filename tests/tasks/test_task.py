"""All five tasks keep the protocol; a feature counts its tokens."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from distilbert.config import DistilBertConfig
from distilbert.heads import HEADS
from distilbert.tasks.masked_lm.train import MaskedLMTask
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.question_answering.train import QuestionAnsweringTask
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.tasks.task import (
    Feature,
    Scorer,
    Task,
    by_example,
    higher_is_better,
    label_fields,
    label_names,
    scorer_of,
)
from distilbert.tasks.token_classification.train import TokenClassificationTask

# The assignment is what the type checker holds to the protocol.
TASKS: tuple[Task, ...] = (
    SequenceClassificationTask(),
    TokenClassificationTask(),
    MaskedLMTask(),
    QuestionAnsweringTask(),
    MultipleChoiceTask(),
)


def test_a_feature_counts_the_tokens_of_all_its_sequences() -> None:
    feature = Feature((np.arange(3), np.arange(5)), {}, 0)
    assert feature.n_tokens == 8
    assert feature.detail is None


def test_every_head_but_the_base_has_one_task() -> None:
    assert sorted(task.head for task in TASKS) == sorted(set(HEADS) - {"base"})


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.head)
def test_methods_take_the_arguments_of_the_protocol(task: Task) -> None:
    for name, member in inspect.getmembers(Task, inspect.isfunction):
        if name.startswith("_"):
            continue
        wanted = list(inspect.signature(member).parameters.values())[1:]
        found = inspect.signature(getattr(task, name)).parameters
        assert [(p.name, p.kind) for p in wanted] == [(p.name, p.kind) for p in found.values()]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.head)
def test_a_task_without_rows_is_unharmed(task: Task) -> None:
    assert isinstance(task.metric, str)
    assert task.metric in task.score_names
    assert task.tuned([], []) == task
    assert type(task.with_labels_of([])) is type(task)


def test_a_scorer_takes_a_resample_or_nothing() -> None:
    scorer: Scorer = MultipleChoiceTask().scorer([], [])
    assert scorer() == {"accuracy": 0.0}


def test_a_resample_takes_the_rows_of_all_arrays() -> None:
    score = scorer_of(lambda a, b: {"sum": float((a * b).sum())}, np.arange(3), np.array([1, 2, 3]))
    assert score() == {"sum": 8.0}
    assert score(np.array([2, 2])) == {"sum": 12.0}


def test_features_are_grouped_by_their_example() -> None:
    features = [Feature((), {}, number) for number in (0, 2, 2)]
    grouped = by_example("abc", features, [1.0, 2.0, 3.0])
    assert [[kept for _, kept in of_example] for of_example in grouped] == [[1.0], [], [2.0, 3.0]]


def test_labels_of_a_config_are_in_the_order_of_their_numbers() -> None:
    config = DistilBertConfig(**label_fields(("b", "a")))
    assert label_names(config) == ("b", "a")
    assert config.label2id == {"b": 0, "a": 1}


def test_of_errors_the_lowest_is_best() -> None:
    lower = ("loss", "perplexity", "rmse", "mae")
    assert not any(higher_is_better(name) for name in lower)
    assert all(higher_is_better(name) for name in ("accuracy", "f1", "pearson"))
