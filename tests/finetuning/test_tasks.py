"""Cards become tasks, and result folders become the tasks they were trained for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distilbert import DistilBertConfig
from distilbert.errors import CheckpointError, RunCardError
from distilbert.finetuning.tasks import (
    as_trained,
    class_weights_of,
    settings_text,
    task_of,
)
from distilbert.heads import TASK_HEADS
from distilbert.task_file import TASK_FILE
from distilbert.tasks.masked_lm.train import MaskedLMTask
from distilbert.tasks.question_answering.train import QuestionAnsweringTask
from distilbert.tasks.sequence_classification.rows import Columns, Example
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.training.card_file import card_from
from distilbert.training.run_card import DataSection, InputsSection, RunCard


@pytest.mark.parametrize("name", TASK_HEADS)
def test_every_task_of_a_card_has_its_head_and_its_windows(name: str) -> None:
    task = task_of(RunCard(task=name, inputs=InputsSection(max_length=77)))
    assert task.head == TASK_HEADS[name].name
    assert getattr(task, "max_length") == 77  # noqa: B009


def test_an_unknown_task_is_told_with_those_there_are() -> None:
    with pytest.raises(RunCardError, match="`task` must be 'text-classification'"):
        task_of(card_from({"task": "translation"}, base=None))


@pytest.mark.parametrize(
    ("name", "metric", "kind"),
    [
        ("cola", "matthews", "single_label_classification"),
        ("stsb", "pearson_spearman", "regression"),
        ("mnli", "accuracy", "single_label_classification"),
    ],
)
def test_glue_brings_labels_kind_and_official_metric(name: str, metric: str, kind: str) -> None:
    task = task_of(RunCard(data=DataSection(glue=name)))
    assert isinstance(task, SequenceClassificationTask)
    assert (task.metric, task.problem_type) == (metric, kind)
    assert len(task.labels) == {"cola": 2, "stsb": 0, "mnli": 3}[name]


def test_options_of_columns_reach_the_task() -> None:
    data = DataSection(text="t", label=("a", "b"), label_separator=";", missing=("-",))
    task = task_of(RunCard(data=data))
    assert isinstance(task, SequenceClassificationTask)
    assert task.columns == Columns("t", None, ("a", "b"), ";", ("-",))
    plain = task_of(RunCard())
    assert isinstance(plain, SequenceClassificationTask)
    assert plain.columns == Columns()
    for separator, several in ((None, ","), (";", ";")):
        columns = Columns(separator=separator)
        assert columns.separator_for("multi_label_classification") == several
        assert columns.separator_for(None) == separator


def test_a_result_folder_remembers_its_task(tmp_path: Path) -> None:
    trained = SequenceClassificationTask(
        labels=("a", "b"),
        problem_type="multi_label_classification",
        max_length=48,
        thresholds=(0.25, 0.25),
    )
    (tmp_path / TASK_FILE).write_text(settings_text(trained))
    config = DistilBertConfig(id2label={0: "a", 1: "b"}, problem_type="multi_label_classification")
    again = as_trained(task_of(RunCard()), tmp_path, config)
    assert isinstance(again, SequenceClassificationTask)
    assert replace(again, columns=trained.columns) == trained
    with pytest.raises(CheckpointError, match="was trained for another task"):
        as_trained(QuestionAnsweringTask(), tmp_path, config)


def test_a_model_without_a_folder_has_nothing_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / TASK_FILE).write_text('{"head": "masked_lm", "max_length": 64}')
    monkeypatch.chdir(tmp_path)
    found = as_trained(QuestionAnsweringTask(max_length=99), None, DistilBertConfig())
    assert isinstance(found, QuestionAnsweringTask)
    assert found.max_length == 99


def test_a_folder_of_an_earlier_version_keeps_that_texts_were_joined(tmp_path: Path) -> None:
    (tmp_path / TASK_FILE).write_text('{"head": "masked_lm", "max_length": 64, "join": true}')
    task = task_of(RunCard(task="masked-lm"))
    found = as_trained(task, tmp_path, DistilBertConfig())
    assert isinstance(found, MaskedLMTask)
    assert (found.max_length, found.join_texts) == (64, True)
    kept = as_trained(task, tmp_path, DistilBertConfig(), chosen={"join_texts"})
    assert isinstance(kept, MaskedLMTask)
    assert not kept.join_texts


def test_names_of_labels_do_not_matter_to_a_task_without_labels() -> None:
    task = task_of(RunCard(task="question-answering", data=DataSection(labels=("a", "b"))))
    found = as_trained(task, Path("nowhere"), DistilBertConfig(), chosen={"labels"})
    assert isinstance(found, QuestionAnsweringTask)


def test_a_model_of_one_label_gives_values() -> None:
    found = as_trained(task_of(RunCard()), Path("nowhere"), DistilBertConfig(num_labels=1))
    assert isinstance(found, SequenceClassificationTask)
    assert found.problem_type == "regression"


def test_only_several_labels_and_questions_have_thresholds() -> None:
    single = SequenceClassificationTask(
        labels=("a", "b"), problem_type="single_label_classification"
    )
    assert single.tuned([], []) is single
    several = SequenceClassificationTask(labels=("a",), problem_type="multi_label_classification")
    examples = [Example("x", None, (0,), ""), Example("y", None, (), "")]
    answers = [{"probabilities": [0.3]}, {"probabilities": [0.1]}]
    found = several.tuned(examples, answers)
    assert found.thresholds == pytest.approx((0.2,))


def test_class_weights_are_for_classes() -> None:
    task = SequenceClassificationTask(labels=("a", "b"), problem_type="single_label_classification")
    examples = [Example("x", None, number, "") for number in (0, 0, 0, 1)]
    weights = class_weights_of(task, "balanced", examples)
    assert weights is not None
    np.testing.assert_allclose(weights, [4 / 6, 2.0])
    assert class_weights_of(task, None, examples) is None
    with pytest.raises(RunCardError, match="`class_weights` are for text-classification"):
        class_weights_of(QuestionAnsweringTask(), "balanced", [])
