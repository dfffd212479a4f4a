"""`distilbert tune`: options reach the search, and what came of it is printed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import distilbert.finetuning.tune as tuning
from distilbert.cli.main import main
from distilbert.finetuning.trials import Trial


def trial(name: str, score: float | None, **changes: Any) -> Trial:
    given = {
        "id": name,
        "values": {"learning_rate": 0.000123456, "freeze": ()},
        "status": "finished",
        "score": score,
        "scores": () if score is None else ((1200, score),),
        "seconds": 1.0,
        "folder": Path("out") / name,
        "error": None,
    }
    return Trial(**{**given, **changes})


def test_options_reach_the_search_and_the_table_is_printed(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def search(card: Any, **options: Any) -> Any:
        asked.update(options, card=card)
        failed = trial("t1", None, status="failed", error="TrainingError: no finite number")
        best = trial("t2", 0.75)
        return SimpleNamespace(
            metric="f1",
            higher_is_better=True,
            best=best,
            trials=(trial("t0", 0.5, status="stopped"), failed, best),
            model=best.folder,
            card_file=Path("best.toml"),
            plot=None,
            seconds=3.0,
        )

    monkeypatch.setattr(tuning, "tune", search)
    monkeypatch.setenv("COLUMNS", "100")
    line = ["card.toml", "--trials", "3", "--sampler", "optuna", "--gpus-per-trial", "0.5"]
    assert main(["tune", *line, "--no-early-stopping", "--keep-all", "--epochs", "2"]) == 0
    assert asked == {
        "card": "card.toml",
        "trials": 3,
        "sampler": "optuna",
        "early_stopping": False,
        "resume": False,
        "overwrite": False,
        "keep_all": True,
        "cluster": None,
        "cpus_per_trial": 1.0,
        "gpus_per_trial": 0.5,
        "show_progress": True,
        "epochs": 2.0,
    }
    said = capsys.readouterr().out
    rows = [line.split() for line in said.splitlines() if " t" in line and "\u2502" in line]
    cells = [[cell for cell in row if cell != "\u2502"] for row in rows]
    assert cells[0] == ["t2", "*", "finished", "0.7500", "1,200", "0.0001235", "none"]
    assert cells[1] == ["t0", "stopped", "0.5000", "1,200", "0.0001235", "none"]
    assert cells[2][:2] == ["t1", "failed"]
    assert "t1 failed: TrainingError: no finite number" in said
    assert f"Model:  {Path('out') / 't2'}" in said


def test_a_card_without_ranges_is_reported(tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "card.toml"
    path.write_text('[data]\ntrain = "t.csv"\n', encoding="utf-8")
    assert main(["tune", str(path)]) == 1
    said = capsys.readouterr().err
    assert "[search] must name fields to vary: got none" in said
    assert "`dev` must name the rows that compare trials" in said
