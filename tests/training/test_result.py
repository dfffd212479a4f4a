"""A result appears at once and last, and a run that was killed before that can be finished."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import Killed, killed_after

from distilbert.checkpoint.atomic import remove_leftovers
from distilbert.training.result import result_folder, run_contents
from distilbert.training.run_folder import is_finished

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


def test_a_run_may_write_files_of_its_own() -> None:
    names = ["card.toml", "config.json", "model.safetensors", "vocab.txt", "task.json", "mine.txt"]
    assert run_contents("task.json").foreign(names) == ["mine.txt"]
