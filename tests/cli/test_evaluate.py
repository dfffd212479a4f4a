"""`distilbert evaluate`: the arguments of `evaluate`, and its result as text and as JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

import distilbert.finetuning.evaluate as evaluation
from distilbert.cli.main import main


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def score(model: str, data: str, **options: Any) -> Any:
        found.update(options, model=model, data=data)
        row = {"difference": 0.25, "interval": (-0.1, 0.5), "p_value": 0.04}
        return SimpleNamespace(
            task="text-classification",
            metric="accuracy",
            n_examples=4,
            scores={"accuracy": 0.75},
            intervals={"accuracy": (0.5, 1.0)},
            seconds=1.0,
            skipped=1,
            comparison={"model": "a", "against": "b", "differences": {"accuracy": row}},
            output=None,
        )

    monkeypatch.setattr(evaluation, "evaluate", score)
    return found


@pytest.mark.parametrize("flag", ["--compare", "--against"])
def test_options_of_model_and_data_arrive(flag: str, asked: dict[str, Any]) -> None:
    line = [
        "evaluate",
        "m",
        "d.csv",
        flag,
        "b",
        "--text",
        "review",
        "--revision",
        "r",
        "--overwrite",
    ]
    assert main(line) == 0
    assert (asked["model"], asked["data"], asked["against"]) == ("m", "d.csv", "b")
    assert (asked["text"], asked["revision"]) == ("review", "r")
    assert asked["overwrite"] is True
    assert "encoding" not in asked


def test_people_read_intervals_and_differences(asked: dict[str, Any], capsys: Any) -> None:
    assert main(["evaluate", "m", "d.csv"]) == 0
    said = capsys.readouterr().out
    assert "0.7500  [0.5000, 1.0000]\n" in said
    assert "b minus a:" in said
    assert "+0.2500  [-0.1000, +0.5000]  p=0.040" in said
    assert "1 bad row left out" in said


def test_programs_read_json(asked: dict[str, Any], capsys: Any) -> None:
    assert main(["evaluate", "m", "d.csv", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"] == {"accuracy": 0.75}


def test_help_shows_columns_but_no_option_of_training(capsys: Any) -> None:
    assert main(["evaluate", "--help"]) == 0
    said = capsys.readouterr().out
    assert "--text-pair" in said
    assert "--learning-rate" not in said
