"""The files of a report."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from sample_report import sample_report

from distilbert.training import report as module
from distilbert.training.report import plain, write_report


def test_the_json_holds_everything_and_null_for_what_is_no_number(tmp_path: Path) -> None:
    report = sample_report()
    write_report(tmp_path, report, pages=False)
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]
    text = (tmp_path / "report.json").read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert set(found) == set(report)
    assert found["splits"]["dev"]["scores"] == {"loss": 0.4, "accuracy": 0.75, "matthews": None}
    assert found["splits"]["dev"]["intervals"]["accuracy"] == [0.25, 1.0]
    assert "<good> $" in text


def test_the_page_comes_with_its_plots(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_report(tmp_path, sample_report(), pages=True)
    drawn = sorted(path.name for path in (tmp_path / "plots").iterdir())
    assert drawn == ["curves.png", "dev.calibration.png", "dev.confusion.png"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 3


def test_without_matplotlib_the_page_says_how_to_get_plots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run must not lose its result at the end because nobody can draw."""
    monkeypatch.setattr(module, "is_available", lambda name: False)
    write_report(tmp_path, sample_report(), pages=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report.html", "report.json"]
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Plots need matplotlib: <code>pip install " in page


def test_plain_values_are_those_that_json_knows() -> None:
    given = {1: (np.float32(0.5), np.int64(2), math.inf), "b": [True, None, "x"]}
    assert plain(given) == {"1": [0.5, 2, None], "b": [True, None, "x"]}
