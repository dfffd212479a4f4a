"""What a report says of a split, and how answers are written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from killing import Killed, killed_after

from distilbert import AutoTokenizer
from distilbert.checkpoint.atomic import remove_leftovers
from distilbert.finetuning.result import (
    CARD_FILE,
    is_finished,
    result_folder,
    slowest,
    split_report,
    write_answers,
)
from distilbert.finetuning.scoring import Evaluated, Split, scores_of
from distilbert.opening import LoadOptions, find_model, load_runner
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


def test_a_run_is_finished_once_its_last_file_is_there(tmp_path: Path) -> None:
    (tmp_path / CARD_FILE).write_text("")
    assert not is_finished(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert is_finished(tmp_path)


RESULT = {"config.json": "{}", "model.safetensors": "w", "card.toml": "", "plots/dev.png": "p"}


def end_of_run(output: Path) -> None:
    """The last steps of a run whose updates are done."""
    remove_leftovers(output)
    with result_folder(output) as staging:
        (staging / "plots").mkdir()
        for name, text in RESULT.items():
            (staging / name).write_text(text)


def trained(output: Path) -> None:
    for name in ("log.jsonl", "checkpoints/best-00000008/config.json", "checkpoints/step-8/x"):
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).touch()


def test_a_run_killed_between_its_last_steps_can_be_finished(tmp_path: Path) -> None:
    trained(tmp_path / "whole")
    with killed_after(10**6) as calls:
        end_of_run(tmp_path / "whole")
    assert is_finished(tmp_path / "whole")
    assert len(calls) > 15
    for n_calls in range(len(calls)):
        output = tmp_path / f"cut{n_calls}"
        trained(output)
        with killed_after(n_calls), pytest.raises(Killed):
            end_of_run(output)
        if not is_finished(output):
            assert (output / "checkpoints" / "best-00000008" / "config.json").is_file()
            end_of_run(output)
        remove_leftovers(output)
        assert is_finished(output)
        left = {str(p.relative_to(output)) for p in output.rglob("*") if p.is_file()}
        assert left == {*RESULT, "log.jsonl"}
