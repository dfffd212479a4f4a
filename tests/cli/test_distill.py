"""`distilbert distill` and `distilbert adapt` from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from distilbert.cli.main import app
from distilbert.distilling import distill as distilling


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The arguments of the Python function that a command calls."""
    seen: dict[str, Any] = {}

    def stand_in(card: Any, **given: Any) -> Any:
        seen.update(card=card, **{k: v for k, v in given.items() if v is not None})
        return distilling.DistillResult(
            output=Path("out"),
            card=distilling.DistillCard(),
            scores={"loss": 1.25, "weighted_kl_loss": 1.0},
            steps=1,
            seconds=2.0,
            tokens_per_second=1000.0,
            n_parameters=500_000,
            n_teacher_parameters=1_000_000,
            report=Path("out/report.html"),
        )

    for name in ("distill", "adapt"):
        monkeypatch.setattr(distilling, name, stand_in)
    return seen


def test_fields_of_the_card_are_options(called: dict[str, Any]) -> None:
    arguments = "distill card.toml --teacher t --train a --train b -o out --layers 0 --layers 2"
    result = CliRunner().invoke(app, [*arguments.split(), "--kl-share", "0.5", "--overwrite"])
    assert result.exit_code == 0, result.output
    assert called["card"] == "card.toml"
    assert (called["teacher"], called["train"], called["layers"]) == ("t", ["a", "b"], [0, 2])
    assert (called["kl_share"], called["overwrite"], called["resume"]) == (0.5, True, False)
    assert "1 update in 2.0 s, 1,000 tokens/s" in result.output
    assert "0.5 M parameters, 50 % of the teacher's 1.0 M" in result.output
    assert "weighted" not in result.output
    assert "Student: out" in result.output


def test_adapting_has_no_options_of_a_student(called: dict[str, Any]) -> None:
    result = CliRunner().invoke(app, ["adapt", "--teacher", "t", "--train", "a", "-o", "out"])
    assert result.exit_code == 0, result.output
    assert "Teacher: out" in result.output
    assert "vocab_size" not in called
    CliRunner().invoke(app, ["adapt", "--teacher", "t", "--vocab-size", "9000"])
    assert called["vocab_size"] == 9000
    refused = CliRunner().invoke(app, ["adapt", "--teacher", "t", "--n-layers", "3"])
    assert refused.exit_code == 2
