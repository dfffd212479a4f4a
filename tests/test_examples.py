"""Every example runs as it stands, and the three frameworks' examples of a task print the same."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest
from recorded import GOLDEN

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
FRAMEWORKS = ("torch", "tensorflow", "flax")
TASKS = sorted({path.stem.rsplit("_", 1)[0] for path in EXAMPLES.glob("*.py")})
MAX_LINES = 30


def printed(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    folder = "mc_uncased" if path.stem.startswith("multiple_choice") else "uncased"
    monkeypatch.setattr(sys, "argv", [str(path), str(GOLDEN / "doc" / folder)])
    capsys.readouterr()
    runpy.run_path(str(path), run_name="__main__")
    return capsys.readouterr().out


def test_every_task_has_an_example_in_every_framework() -> None:
    assert len(TASKS) == 6
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {f"{task}_{framework}" for task in TASKS for framework in FRAMEWORKS}


@pytest.mark.parametrize("task", TASKS)
def test_the_examples_of_a_task_print_the_same(
    task: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = [
        printed(EXAMPLES / f"{task}_{framework}.py", monkeypatch, capsys)
        for framework in FRAMEWORKS
    ]
    assert texts[0].strip()
    assert texts == [texts[0]] * len(FRAMEWORKS)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_is_short_and_names_only_this_package_and_its_framework(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    assert "transformers" not in text
