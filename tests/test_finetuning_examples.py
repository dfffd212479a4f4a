"""Every example of fine-tuning runs as it stands, in each framework, on a small checkpoint."""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path

import pytest
from recorded import GOLDEN

EXAMPLES = Path(__file__).resolve().parent.parent / "examples" / "finetune"
FRAMEWORKS = ("torch", "tensorflow", "flax")
TASKS = sorted({path.stem.rsplit("_", 1)[0] for path in EXAMPLES.glob("*.py")})
MAX_LINES = 30


def test_every_task_has_an_example_in_every_framework() -> None:
    assert len(TASKS) == 5
    names = {path.stem for path in EXAMPLES.glob("*.py")}
    assert names == {f"{task}_{framework}" for task in TASKS for framework in FRAMEWORKS}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_runs_and_leaves_a_model(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    source = str(GOLDEN / "doc" / "uncased")
    monkeypatch.setattr(sys, "argv", [str(path), source, str(tmp_path / "out")])
    runpy.run_path(str(path), run_name="__main__")
    printed = capsys.readouterr().out.splitlines()
    metric, score = printed[-2].split()
    report = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert report["framework"] == path.stem.rsplit("_", 1)[1]
    assert f"{report['splits']['dev']['scores'][metric]:.3f}" == score
    assert printed[-1].startswith("shape (")
