"""What a report says of a split, and how answers are written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from distilbert import AutoTokenizer
from distilbert.finetuning.result import (
    slowest,
    split_report,
    write_answers,
)
from distilbert.finetuning.scoring import Evaluated, Split, scores_of
from distilbert.load_options import LoadOptions
from distilbert.opening import find_model, load_runner
from distilbert.tasks.sequence_classification.rows import Example
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask

TASK = SequenceClassificationTask(labels=("a", "b"), problem_type="single_label_classification")
EXAMPLES = [Example(f"good {'day ' * i}", None, i % 2, "") for i in range(8)]


def found() -> Evaluated:
    rng = np.random.default_rng(0)
    first = rng.random(8)
    answers = [
        {"label": "a" if p >= 0.5 else "b", "probabilities": [p, 1 - p]} for p in first.tolist()
    ]
    split = Split("dev", EXAMPLES, [])
    return Evaluated(split, answers, scores_of(TASK, split, answers), 2.0)


def test_a_split_is_told_with_intervals_and_its_wrongest_examples_first() -> None:
    report = split_report(TASK, found(), resamples=50, seed=0)
    assert (report["n"], report["examples_per_second"]) == (8, 4.0)
    low, high = report["intervals"]["accuracy"]
    assert low <= report["scores"]["accuracy"] <= high
    losses = [one["loss"] for one in report["wrongest"]]
    assert losses == sorted(losses, reverse=True)
    assert np.mean(losses) == pytest.approx(report["scores"]["loss"])
    assert json.loads(json.dumps(report)) is not None


def test_the_longest_examples_are_timed_alone(encoder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(encoder)
    found = find_model(encoder, framework="torch", options=LoadOptions(allow_untrained=True))
    runner = load_runner(found, "sequence_classification", device="cpu")
    features = TASK.features(tokenizer, EXAMPLES, training=False)
    timed = slowest(TASK, runner, Split("dev", EXAMPLES, features), tokenizer, 0)
    assert sorted(one["tokens"] for one in timed) == [6, 7, 8, 9, 10]
    assert all(one["seconds"] > 0 for one in timed)


def test_answers_are_lines_of_json_in_any_script(tmp_path: Path) -> None:
    examples = [Example("gut", None, 0, "x row 1"), Example("好", "b", 1, "x row 2")]
    answers = [{"label": "a"}, {"label": "a"}]
    write_answers(
        tmp_path / "answers.jsonl", TASK, Evaluated(Split("dev", examples, []), answers, {}, 0.0)
    )
    text = (tmp_path / "answers.jsonl").read_text(encoding="utf-8")
    assert "好" in text
    assert [json.loads(line) for line in text.splitlines()] == [
        {"row": "x row 1", "text": "gut", "true_label": "a", "label": "a"},
        {"row": "x row 2", "text": "好", "text_pair": "b", "true_label": "b", "label": "a"},
    ]
