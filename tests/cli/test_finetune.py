"""`distilbert finetune`: options that replace fields of a card, dry runs, the printed result."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import distilbert.finetuning.finetune as finetuning
from distilbert.cli.main import main


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text(
        '{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n', encoding="utf-8"
    )
    path = tmp_path / "card.toml"
    path.write_text('[data]\ntrain = "rows.jsonl"\ntext = "text"\nlabel = "label"\n')
    return path


def test_dry_run_prints_the_card_and_counts_rows(card: Path, capsys: Any) -> None:
    options = ["--learning-rate", "3e-5", "--freeze", "embeddings", "--freeze", "layer.0"]
    assert main(["finetune", str(card), "--dry-run", "--no-report", *options]) == 0
    said = capsys.readouterr().out
    assert "learning_rate = 3e-05" in said
    assert 'freeze = ["embeddings", "layer.0"]' in said
    assert "report = false" in said
    assert "# Task:    text-classification, one of 2 labels per text: x 1, y 1\n" in said
    assert "# Rows:    2 training rows, none for dev\n# Columns: text, label\n" in said


@pytest.mark.parametrize(
    ("alias", "task", "row"),
    [
        ("ner", "token-classification", {"tokens": ["Ann", "ran"], "tags": ["B-PER", "O"]}),
        (
            "qa",
            "question-answering",
            {
                "question": "Who?",
                "context": "Ann ran.",
                "answers": {"text": ["Ann"], "answer_start": [0]},
            },
        ),
    ],
)
def test_a_task_has_its_usual_short_name(
    alias: str, task: str, row: dict[str, Any], tmp_path: Path, capsys: Any
) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert main(["finetune", "--task", alias, "--train", str(rows), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert f'task = "{task}"' in said
    assert "# Rows:    1 training row" in said


def test_dry_run_tells_bad_rows(card: Path, capsys: Any) -> None:
    with (card.parent / "rows.jsonl").open("a", encoding="utf-8") as file:
        file.write("{broken\n")
    assert main(["finetune", str(card), "--dry-run"]) == 1
    assert "line 3" in capsys.readouterr().err


def test_bad_options_are_reported_together(capsys: Any) -> None:
    assert main(["finetune", "--lora-rank", "-1", "--epochs", "0"]) == 1
    said = capsys.readouterr().err
    assert "`lora_rank` must be at least 0" in said
    assert "`epochs` must be more than 0" in said


def test_what_came_of_it_is_printed(
    card: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def train(card: Any, **options: Any) -> Any:
        asked.update(options)
        scores = {"dev": {"accuracy": 0.5, "loss": 1.25}}
        return SimpleNamespace(
            scores=scores,
            metric="accuracy",
            steps=7,
            seconds=2.0,
            skipped=3,
            output="out",
            report=None,
        )

    monkeypatch.setattr(finetuning, "finetune", train)
    assert main(["finetune", str(card), "--resume", "--seed", "5", "--revision", "r"]) == 0
    assert asked["overwrite"] is False
    assert (asked["resume"], asked["seed"], asked["revision"]) == (True, 5, "r")
    assert "token" not in asked
    said = capsys.readouterr().out
    assert "dev    accuracy                     0.5000\n" in said
    assert "7 updates in 2.0 s; accuracy on dev chose the weights" in said
    assert "3 bad rows left out" in said
