"""A pipeline over a fine-tuned folder answers as the evaluation of that folder does."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from stand_ins import small_config, write_vocab

from distilbert import pipeline
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.finetuning.evaluate import evaluate
from distilbert.finetuning.tasks import settings_text
from distilbert.task_file import TASK_FILE
from distilbert.tasks.masked_lm.train import MaskedLMTask
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.question_answering.train import QuestionAnsweringTask
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.tasks.token_classification.train import TokenClassificationTask

WORDS = "the cat dog sat on mat a in berlin lives paris is of capital and good bad film very"
RNG = random.Random(0)
TEXTS = [" ".join(RNG.choices(WORDS.split(), k=RNG.randrange(1, 40))) for _ in range(12)]
QUICK: dict[str, Any] = {"framework": "torch", "device": "cpu"}


def write_folder(folder: Path, task: Any) -> Path:
    """A result folder with random weights, large enough that each window has its own answer."""
    config = small_config(initializer_range=0.6, **task.config_changes())
    weights = initial_weights(config, task.head, 0)
    save_checkpoint(folder, weights, config, head=task.head)
    (folder / TASK_FILE).write_text(settings_text(task))
    return write_vocab(folder)


def both(folder: Path, task: Any, name: str, rows: list[dict[str, Any]]) -> tuple[Any, Any]:
    """The answers of `evaluate` and of the pipeline."""
    write_folder(folder, task)
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = evaluate(str(folder), str(folder / "rows.jsonl"), task=name, bootstrap=1, **QUICK)
    return found.answers, pipeline(name, folder, **QUICK)(rows)


@pytest.mark.parametrize("long_texts", ["windows", "cut"])
def test_a_label_per_text(tmp_path: Path, long_texts: str) -> None:
    task = SequenceClassificationTask(
        labels=("bad", "fine", "good"),
        problem_type="single_label_classification",
        max_length=12,
        overlap=2,
        long_texts=long_texts,
    )
    rows = [{"text": text, "label": "good"} for text in TEXTS]
    evaluated, predicted = both(tmp_path, task, "text-classification", rows)
    assert [one["label"] for one in predicted] == [one["label"] for one in evaluated]
    assert [one["score"] for one in predicted] == pytest.approx(
        [max(one["probabilities"]) for one in evaluated]
    )


@pytest.mark.parametrize("thresholds", [(), (0.9, 0.3, 0.6)])
def test_the_labels_that_reach_their_thresholds(
    tmp_path: Path, thresholds: tuple[float, ...]
) -> None:
    task = SequenceClassificationTask(
        labels=("bad", "fine", "good"),
        problem_type="multi_label_classification",
        max_length=16,
        thresholds=thresholds,
    )
    rows = [{"text": text, "label": ["good"]} for text in TEXTS]
    evaluated, predicted = both(tmp_path, task, "text-classification", rows)
    labels = [{one["label"] for one in of_text} for of_text in predicted]
    assert labels == [set(one["labels"]) for one in evaluated]
    assert len({frozenset(one) for one in labels}) > 2
    pipe = pipeline("text-classification", tmp_path, **QUICK)
    assert pipe([TEXTS[0]])[0] == pipe(TEXTS[0])[0]
    assert len(pipe(TEXTS[0], top_k=None)) == 3


def test_a_value_per_text(tmp_path: Path) -> None:
    task = SequenceClassificationTask(problem_type="regression", max_length=12)
    rows = [{"text": text, "label": 0.5} for text in TEXTS]
    evaluated, predicted = both(tmp_path, task, "text-classification", rows)
    assert [one["score"] for one in predicted] == pytest.approx(
        [one["value"] for one in evaluated], rel=1e-5
    )


def test_the_entities_of_words(tmp_path: Path) -> None:
    task = TokenClassificationTask(
        labels=("O", "B-X", "U-X", "L-X", "I-X"), scheme="BILOU", max_length=12, overlap=4
    )
    rows = [{"tokens": text.split(), "tags": ["O"] * len(text.split())} for text in TEXTS]
    evaluated, predicted = both(tmp_path, task, "token-classification", rows)
    texts = [[entity["text"] for entity in one["entities"]] for one in evaluated]
    assert texts == [
        [text[entity["start"] : entity["end"]] for entity in of_text]
        for text, of_text in zip(TEXTS, predicted, strict=True)
    ]
    assert any(len(of_text) > 1 for of_text in texts)


@pytest.mark.parametrize("unanswerable", [False, True])
def test_the_answer_to_a_question(tmp_path: Path, unanswerable: bool) -> None:
    task = QuestionAnsweringTask(
        max_length=16, overlap=12, max_question_length=2, max_answer_length=3, n_best=4
    )
    task = replace(task, unanswerable=unanswerable, null_threshold=-14.0 if unanswerable else None)
    none = {"text": [], "answer_start": []}
    rows = [{"question": "who lives", "context": text, "answers": none} for text in TEXTS]
    evaluated, predicted = both(tmp_path, task, "question-answering", rows)
    assert [one["answer"] for one in predicted] == [one["text"] for one in evaluated]
    assert [one["start"] for one in predicted] == [one["start"] for one in evaluated]
    n_refused = sum(not one["text"] for one in evaluated)
    assert 0 < n_refused < len(rows) if unanswerable else n_refused == 0


def test_the_choice_that_fits(tmp_path: Path) -> None:
    task = MultipleChoiceTask(max_length=12, first=0)
    rows = [{"prompt": text, "choices": TEXTS[:3], "label": 0} for text in TEXTS]
    evaluated, predicted = both(tmp_path, task, "multiple-choice", rows)
    assert [one[0]["index"] for one in predicted] == [one["index"] for one in evaluated]
    assert [one[0]["score"] for one in predicted] == pytest.approx(
        [max(one["probabilities"]) for one in evaluated]
    )


def test_masks_are_seen_in_the_windows_of_training(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, MaskedLMTask(max_length=8))
    pipe = pipeline("fill-mask", folder, **QUICK)
    near, far = "cat sat on [MASK] in berlin", "the dog lives cat sat on [MASK] in berlin is good"
    assert pipe(near)[0]["score"] == pytest.approx(pipe(far)[0]["score"])
    assert pipe(near)[0]["score"] != pytest.approx(pipe(far, max_length=None)[0]["score"])


def test_options_that_are_given_stand_above_those_of_the_folder(tmp_path: Path) -> None:
    task = SequenceClassificationTask(labels=("bad", "good"), max_length=12)
    folder = write_folder(tmp_path, task)
    job: Any = pipeline("text-classification", folder, **QUICK, max_length=None).job
    assert job.max_length is None
    job = pipeline("text-classification", folder, **QUICK).job
    assert job.max_length == 12
    long = replace(task, max_length=512)
    (folder / TASK_FILE).write_text(settings_text(long))
    job = pipeline("text-classification", folder, **QUICK).job
    assert job.max_length == 64  # what the model takes
    (folder / TASK_FILE).write_text(settings_text(MaskedLMTask()))
    job = pipeline("text-classification", folder, **QUICK).job
    assert job.max_length is None
