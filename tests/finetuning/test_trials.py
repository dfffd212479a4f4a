"""Trials on the disk: how they ended, which is best, whose weights go, and the two tables."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from distilbert.finetuning.trials import (
    best_trial,
    drop_losers,
    ranked,
    read_trials,
    value_text,
    write_trial,
    write_trials,
)


def make(
    output: Path, name: str, scores: list[float | None], *, done: bool = False, **record: Any
) -> Path:
    """A trial's folder as a run leaves it; `done` says that it came to its end."""
    folder = output / "trials" / name
    folder.mkdir(parents=True)
    lines = [
        {
            "kind": "scores",
            "step": 5 * (n + 1),
            "split": "dev",
            "values": {"f1": score, "loss": score},
        }
        for n, score in enumerate(scores)
    ]
    lines.insert(0, {"kind": "train", "step": 1, "values": {"loss": 1.0}})
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for file in () if done else ("checkpoints/5/state.safetensors", "checkpoints/best/x.bin"):
        (folder / file).parent.mkdir(parents=True)
        (folder / file).write_text("weights")
    if done:
        (folder / "card.toml").write_text("")
        (folder / "config.json").write_text("{}")
        (folder / "model.safetensors").write_text("weights")
    write_trial(folder, {"learning_rate": 1e-4, "freeze": ("embeddings",)}, **record)
    return folder


@pytest.fixture
def output(tmp_path: Path) -> Path:
    make(tmp_path, "a", [0.5, 0.8, 0.7], done=True, ended=True, seconds=2.5)
    make(tmp_path, "b", [0.2], ended=True)
    make(tmp_path, "c", [0.9], ended=True, error="TrainingError: no finite number")
    make(tmp_path, "d", [], ended=False)
    make(tmp_path, "e", [0.6, None], done=True, ended=True)
    (tmp_path / "trials" / "no trial").mkdir()
    return tmp_path


def test_trials_tell_how_they_ended_and_what_they_scored(output: Path) -> None:
    found = {one.id: one for one in read_trials(output, "f1")}
    assert {name: one.status for name, one in found.items()} == {
        "a": "finished",
        "b": "stopped",
        "c": "failed",
        "d": "unfinished",
        "e": "finished",
    }
    first = found["a"]
    assert first.values == {"learning_rate": 1e-4, "freeze": ("embeddings",)}
    assert first.scores == ((5, 0.5), (10, 0.8), (15, 0.7))
    assert (first.score, first.steps, first.seconds) == (0.8, 15, 2.5)
    assert (found["d"].score, found["d"].steps) == (None, 0)
    assert found["e"].score == 0.6  # what is no number counts for nothing
    assert found["c"].error == "TrainingError: no finite number"
    assert {one.id: one.score for one in read_trials(output, "loss")}["a"] == 0.5


def test_the_best_is_one_that_finished(output: Path) -> None:
    trials = read_trials(output, "f1")
    best = best_trial(trials, "f1")
    assert best is not None
    assert best.id == "a"
    assert [one.id for one in ranked(trials, "f1")] == ["c", "a", "e", "b", "d"]
    low = read_trials(output, "loss")
    assert [one.id for one in ranked(low, "loss")] == ["b", "a", "e", "c", "d"]
    assert best_trial([one for one in trials if one.id in "bcd"], "f1") is None


def test_only_the_best_and_those_that_still_run_keep_weights(output: Path) -> None:
    trials = read_trials(output, "f1")
    drop_losers(trials, best_trial(trials, "f1"))
    left = {
        str(path.relative_to(output / "trials")) for path in output.rglob("*") if path.is_file()
    }
    kept = {name for name in left if name.endswith(".safetensors")}
    assert kept == {
        "a/model.safetensors",
        "d/checkpoints/5/state.safetensors",
    }
    assert {f"{name}/log.jsonl" for name in "abcde"} <= left
    assert "e/card.toml" in left


def test_tables_hold_all_trials(output: Path) -> None:
    trials = read_trials(output, "f1")
    write_trials(output, trials, {"metric": "f1", "best": "a"})
    table = json.loads((output / "trials.json").read_text(encoding="utf-8"))
    assert (table["metric"], table["best"], len(table["trials"])) == ("f1", "a", 5)
    assert table["trials"][0]["folder"] == str(Path("trials") / "a")
    assert table["trials"][4]["scores"] == [[5, 0.6], [10, None]]
    with (output / "trials.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[0] == {
        "trial": "a",
        "status": "finished",
        "score": "0.8",
        "updates": "15",
        "seconds": "2.5",
        "learning_rate": "0.0001",
        "freeze": "embeddings",
        "error": "",
    }
    assert rows[2]["error"] == "TrainingError: no finite number"
    write_trials(output, [], {})
    text = (output / "trials.csv").read_text(encoding="utf-8")
    assert text == "trial,status,score,updates,seconds,error\n"


def test_values_are_told_in_words() -> None:
    assert [value_text(one) for one in (None, True, 3, 1e-5, "cosine", (), ("a", "b"))] == [
        *("", "true", "3", "1e-05", "cosine", "none", "a b")
    ]
