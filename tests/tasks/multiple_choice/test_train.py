"""Choices: one sequence each, a softmax over those of a prompt, accuracy and what is behind it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.multiple_choice.predict import fitted
from distilbert.tasks.multiple_choice.rows import Question
from distilbert.tasks.multiple_choice.train import MultipleChoiceTask
from distilbert.tasks.task import Task, higher_is_better


def question(*choices: str, truth: int = 0, prompt: str = "the cat") -> Question:
    return Question(prompt, choices, truth, "x")


def test_it_keeps_the_protocol() -> None:
    task: Task = MultipleChoiceTask()
    assert (task.head, task.metric) == ("multiple_choice", "accuracy")
    assert higher_is_better(task.metric)
    assert task.config_changes() == {}
    by_loss = MultipleChoiceTask(chosen_metric="loss")
    assert (by_loss.metric, higher_is_better(by_loss.metric)) == ("loss", False)


def test_where_numbers_begin_is_learned_from_training_rows() -> None:
    def rows(*labels: int) -> list[Row]:
        return [Row({"prompt": "p", "choices": ["a", "b"], "label": i}, "x") for i in labels]

    task = MultipleChoiceTask().with_labels_of(rows(1, 2))
    assert task.first == 1
    assert [one.truth for one in task.examples(rows(1, 1), Problems())] == [0, 0]
    assert MultipleChoiceTask().with_labels_of(rows(0, 1)).first == 0
    assert MultipleChoiceTask().with_labels_of([Row({"a": 1}, "x")]) == MultipleChoiceTask()


def test_each_choice_follows_the_prompt_in_a_sequence_of_its_own(tokenizer: Any) -> None:
    examples = [question("sat", "lives in paris", truth=1), question("in", "cat", "the", truth=2)]
    first, second = MultipleChoiceTask().features(tokenizer, examples, training=True)
    words = [tokenizer.convert_ids_to_tokens(ids.tolist()) for ids in first.sequences]
    assert words == [
        ["[CLS]", "the", "cat", "[SEP]", "sat", "[SEP]"],
        ["[CLS]", "the", "cat", "[SEP]", "lives", "in", "paris", "[SEP]"],
    ]
    assert (first.labels, first.example, len(second.sequences)) == ({"labels": 1}, 0, 3)
    assert (second.labels, second.example) == ({"labels": 2}, 1)


def test_nothing_is_to_be_learned_when_scoring(tokenizer: Any) -> None:
    (feature,) = MultipleChoiceTask().features(tokenizer, [question("a", "b")], training=False)
    assert feature.labels == {}


@pytest.mark.parametrize(
    ("n_prompt", "n_choice", "capacity", "kept"),
    [
        (5, 3, 8, (range(5), range(3))),
        (9, 3, 8, (range(4, 9), range(3))),  # the end of the prompt
        (2, 9, 8, (range(2), range(6))),  # the beginning of the choice
        (9, 9, 8, (range(5, 9), range(4))),
        (9, 9, 7, (range(5, 9), range(3))),
        (0, 9, 8, (range(0), range(8))),
        (9, 0, 8, (range(1, 9), range(0))),
    ],
)
def test_long_prompts_keep_their_end_and_long_choices_their_beginning(
    n_prompt: int, n_choice: int, capacity: int, kept: tuple[range, range]
) -> None:
    prompt, choice = fitted(np.arange(n_prompt), np.arange(n_choice), capacity)
    assert (prompt.tolist(), choice.tolist()) == tuple(map(list, kept))


def test_no_sequence_is_longer_than_the_model_may_see(tokenizer: Any) -> None:
    examples = [question("sat " * 40, "in", prompt="the cat " * 30)]
    (feature,) = MultipleChoiceTask(max_length=16).features(tokenizer, examples, training=True)
    assert [len(ids) for ids in feature.sequences] == [16, 16]


def test_a_batch_has_an_axis_of_choices(tokenizer: Any) -> None:
    task = MultipleChoiceTask()
    examples = [question("sat", "in paris"), question("the", "cat", truth=1)]
    features = task.features(tokenizer, examples, training=True)
    batch = task.batch(tokenizer, features, ())
    assert batch["input_ids"].shape == batch["attention_mask"].shape == (2, 2, 7)
    assert batch["labels"].tolist() == [0, 1]


def answered(
    task: MultipleChoiceTask, tokenizer: Any, examples: list[Question], *logits: Any
) -> Any:
    features = task.features(tokenizer, examples, training=False)
    kept = [
        task.reduce(feature, {"logits": np.array([logit], dtype=np.float32)})
        for feature, row in zip(features, logits, strict=True)
        for logit in row
    ]
    return task.answers(examples, features, kept)


def test_answers_scores_losses_and_tables(tokenizer: Any) -> None:
    task = MultipleChoiceTask()
    examples = [
        question("sat", "in", truth=0),
        question("sat", "in", "the", truth=1),
        question("sat", "in", truth=1),
    ]
    ln3 = math.log(3)
    answers = answered(task, tokenizer, examples, [ln3, 0], [0, 0, math.log(2)], [-ln3, 0])
    assert [answer["index"] for answer in answers] == [0, 2, 1]
    assert [answer["choice"] for answer in answers] == ["sat", "the", "in"]
    for answer, expected in zip(
        answers, [[0.75, 0.25], [0.25, 0.25, 0.5], [0.25, 0.75]], strict=True
    ):
        np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-6)
    scorer = task.scorer(examples, answers)
    assert scorer() == {"accuracy": 2 / 3}
    assert scorer(np.array([1, 1, 0, 1])) == {"accuracy": 0.25}
    expected = [-math.log(p) for p in (0.75, 0.25, 0.75)]
    np.testing.assert_allclose(task.losses(examples, answers), expected, rtol=1e-6)
    assert task.tables(examples, answers) == {
        "by_truth": [
            {"value": 0, "accuracy": 1.0, "n": 1},
            {"value": 1, "accuracy": 0.5, "n": 2},
        ],
        "by_n_choices": [
            {"value": 2, "accuracy": 1.0, "n": 2},
            {"value": 3, "accuracy": 0.0, "n": 1},
        ],
    }
    assert "by_n_choices" not in task.tables(examples[:1], answers[:1])


def test_a_loss_is_finite_however_sure_the_model_was(tokenizer: Any) -> None:
    task, examples = MultipleChoiceTask(), [question("sat", "in", truth=1)]
    answers = answered(task, tokenizer, examples, [2000, -2000])
    assert np.isfinite(task.losses(examples, answers)).all()


def test_reducing_copies(tokenizer: Any) -> None:
    task = MultipleChoiceTask()
    (feature,) = task.features(tokenizer, [question("a", "b")], training=False)
    logits = np.zeros(1, dtype=np.float32)
    kept = task.reduce(feature, {"logits": logits})
    logits += 1
    assert kept == 0


def test_an_example_is_shown_with_its_right_choice_marked() -> None:
    assert MultipleChoiceTask().describe(question("sat", "in", truth=1)) == "the cat -> sat | [in]"
