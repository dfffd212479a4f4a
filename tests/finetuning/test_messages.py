"""What a run says before it starts: decisions, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from distilbert.data.memory import take_rows
from distilbert.finetuning.datasets import SPLITS, read_examples
from distilbert.finetuning.messages import (
    data_decisions,
    parts_of,
    run_decisions,
)
from distilbert.finetuning.tasks import task_of
from distilbert.training.card_file import as_card

ROWS = [{"id": i, "text": f"text {i}", "label": "ab"[i % 4 == 0]} for i in range(20)]


def decided(rows: Any, **changes: Any) -> list[str]:
    changes = {"train": rows, **changes}
    memory = take_rows(changes, SPLITS)
    card = as_card(None, changes)
    return data_decisions(card, read_examples(card, task_of(card), memory))


def test_labels_rows_and_columns_are_named() -> None:
    assert decided(ROWS, dev=ROWS[:3], test=ROWS[:2]) == [
        "Task:    text-classification, one of 2 labels per text: a 15, b 5",
        "Rows:    20 training rows, 3 for dev, 2 for test",
        "Columns: text, label; not used: id",
    ]


def test_rows_left_out_and_a_dev_split_are_named() -> None:
    rows = [*ROWS, {"id": 20, "text": "", "label": "a"}]
    lines = decided(rows, skip_bad_rows=True, dev_split=0.1)
    assert lines[1] == (
        "Rows:    18 training rows, 2 for dev (10 % of the rows, drawn by seed 42), 1 left out"
    )


@pytest.mark.parametrize(
    ("rows", "changes", "line"),
    [
        (
            [{"text": "a", "label": [1, 0]}, {"text": "b", "label": [1, 1]}],
            {"labels": ["x", "y"]},
            "Task:    text-classification, any of 2 labels per text: x 2, y 1",
        ),
        (
            [{"text": "a", "label": 0.5}, {"text": "b", "label": 1.5}],
            {},
            "Task:    text-classification, a number per text",
        ),
        (
            [{"tokens": ["a", "b"], "tags": ["O", "B-X"]}],
            {"task": "token-classification"},
            "Task:    token-classification, one of 2 labels per word: O 1, B-X 1",
        ),
        ([{"text": "a"}], {"task": "masked-lm"}, "Task:    masked-lm"),
        (
            [{"question": "Who?", "context": "Me.", "answers": []}],
            {"task": "question-answering"},
            "Task:    question-answering; 1 question without an answer",
        ),
        (
            [{"text": str(i), "label": f"{i:02}"} for i in range(14)],
            {},
            "Task:    text-classification, one of 14 labels per text: "
            + ", ".join(f"{i:02} 1" for i in range(12))
            + ", and 2 more",
        ),
    ],
)
def test_the_kind_of_labels_is_named(
    rows: list[dict[str, Any]], changes: dict[str, Any], line: str
) -> None:
    assert decided(rows, **changes)[0] == line


def test_the_columns_of_an_answer_in_a_table_are_named() -> None:
    row = {"id": 1, "question": "Who?", "context": "Me.", "title": "x"}
    for answer in ({"answers": []}, {"answer_text": "Me", "answer_start": 0}):
        lines = decided([row | answer], task="question-answering")
        names = ", ".join(["question", "context", *answer, "id"])
        assert lines[2] == f"Columns: {names}; not used: title"


def test_model_windows_updates_and_output_are_named() -> None:
    changes: dict[str, Any] = {"train": ROWS, "model": "owner/model", "output": "out"}
    memory = take_rows(changes, SPLITS)
    card = as_card(None, changes)
    examples = read_examples(card, task_of(card), memory)
    given: dict[str, Any] = {"framework": "torch", "windows": 23, "steps": 3}
    assert run_decisions(card, examples, new=["classifier"], **given) == [
        "Model:   owner/model (torch); new: classifier",
        "Window:  128 tokens; 23 windows in all, since some rows are longer",
        "Steps:   3 updates: 3 epochs in batches of 32; no dev rows: the last weights are kept",
        "Output:  out",
    ]
    lines = run_decisions(card, examples, new=[], **given)
    assert lines[0].endswith("all weights are from the checkpoint")
    assert parts_of(["a.weight", "a.bias", "b.weight"]) == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "changes", "line"),
    [
        (
            {"index": 1, "question": "a", "sentence": "b", "label": "entailment"},
            {"glue": "qnli", "task": "text-classification"},
            "Columns: question, sentence, label; not used: index",
        ),
        (
            {"sent1": "a", "sent2": "b", "ending0": "c", "ending1": "d", "label": 0, "id": 1},
            {"task": "multiple-choice"},
            "Columns: sent1, sent2, ending0, ending1, label; not used: id",
        ),
        (
            {"id": 1, "tokens": ["a", "b"], "ner_tags": ["O", "B-X"]},
            {"task": "token-classification"},
            "Columns: tokens, ner_tags; not used: id",
        ),
        ({"review": "a", "id": 1}, {"task": "masked-lm"}, "Columns: review; not used: id"),
    ],
)
def test_columns_have_the_names_of_the_file_in_every_task(
    row: dict[str, Any], changes: dict[str, Any], line: str
) -> None:
    assert decided([row], **changes)[2] == line
