"""All five tasks keep the protocol; a feature counts its tokens."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from distilbert.heads import HEADS
from distilbert.tasks.masked_lm.train import MaskedLMTask
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.question_answering.train import QuestionAnsweringTask
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.tasks.task import Feature, Scorer, Task
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
