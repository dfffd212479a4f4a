"""`distilbert compare` passes its options on and prints the table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from distilbert.cli.main import app
from distilbert.distilling import compare as comparing


def test_options_become_arguments_and_the_table_is_printed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, Any] = {}

    def stand_in(teacher: str, student: str, **given: Any) -> comparing.Comparison:
        seen.update(given, runs=list(given["runs"]))
        lines = (comparing.Line("layers", 6, 3, 0.5),)
        return comparing.Comparison(teacher, student, lines)

    monkeypatch.setattr(comparing, "compare", stand_in)
    arguments = ["compare", "t", "s", "--text", "a", "--text", "b", "--teacher-run", "x"]
    output = tmp_path / "c.json"
    result = CliRunner().invoke(app, [*arguments, "--student-run", "y", "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert (seen["texts"], seen["runs"]) == (["a", "b"], [("x", "y")])
    assert "| layers | 6       | 3       | 0.5               |" in result.output
    assert output.is_file()
    assert CliRunner().invoke(app, arguments).exit_code == 2


def test_an_output_that_cannot_be_written_costs_no_measurement(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(comparing, "compare", lambda *_, **__: pytest.fail("measured"))
    result = CliRunner().invoke(app, ["compare", "t", "s", "-o", str(tmp_path / "no" / "c.md")])
    assert "must be a writable file" in str(result.exception)
