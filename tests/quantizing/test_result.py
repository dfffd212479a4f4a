"""Table, sentence, report and plot of a quantization."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from distilbert.quantizing.agreement import Agreement
from distilbert.quantizing.measuring import Line
from distilbert.quantizing.result import PLOT_FILE, REPORT_FILE, Checked, Quantized, number

LINES = [
    Line("size", "MB", 100.0, 25.0),
    Line("throughput", "tokens/s", 1000.0, 2500.0),
    Line("accuracy", "", 0.9, 0.899),
    Line("same decisions as float32", "%", None, 99.5),
]
CHECKED = Checked(
    metric="accuracy",
    data="dev.csv",
    n_examples=1200,
    before=0.9,
    after=0.899,
    points_lost=0.1,
    interval=(-0.2, 0.4),
    max_drop=0.5,
    scores={"float32": {"accuracy": 0.9}, "int8": {"accuracy": 0.899}},
)


def result(folder: Path, **changes: Any) -> Quantized:
    facts: dict[str, Any] = {
        "folder": folder,
        "file": folder / "onnx" / "model_quantized.onnx",
        "runtime": "onnx",
        "head": "sequence_classification",
        "dtype": "int8",
        "mode": "static",
        "layers": ["a", "b"],
        "kept": ["c"],
        "errors": {"c": 0.3, "a": 0.02, "b": 0.01},
        "lines": LINES,
        "agreement": Agreement(1200, 0.04, same=0.995),
        "checked": CHECKED,
    }
    return Quantized(**{**facts, **changes})


def test_the_table_has_both_numbers_and_their_ratio(tmp_path) -> None:
    rows = [
        [cell.strip() for cell in line.split("|")] for line in result(tmp_path).table().split("\n")
    ]
    assert rows[0][1:5] == ["", "float32", "int8", "int8 / float32"]
    assert rows[2][1:5] == ["size (MB)", "100", "25", "0.25"]
    assert rows[3][1:5] == ["throughput (tokens/s)", "1,000", "2,500", "2.50"]
    assert rows[5][1:5] == ["same decisions as float32 (%)", "", "99.5", ""]


def test_the_sentence_says_what_is_in_float32_and_what_was_lost(tmp_path) -> None:
    assert result(tmp_path).describe() == (
        "2 of 3 layers in int8; in float32: c. accuracy was 0.9 and is 0.899 on 1,200 examples: "
        "0.10 points worse (95 % interval: 0.40 points worse to 0.20 points better), where 0.5 "
        "points are allowed to be lost."
    )
    better = replace(CHECKED, points_lost=-0.25)
    assert "examples: 0.25 points better" in result(tmp_path, checked=better).describe()
    same = replace(CHECKED, points_lost=0.0, interval=(float("nan"),) * 2)
    assert "examples: no change, where 0.5" in result(tmp_path, checked=same).describe()
    assert "in float16;" in result(tmp_path, dtype="float16", mode=None).describe()
    unchecked = result(tmp_path, kept=[], checked=None).describe()
    assert unchecked == (
        "2 of 2 layers in int8. No metric was checked: there were no labelled rows."
    )


def test_a_metric_that_says_little_is_not_certified(tmp_path) -> None:
    few = replace(CHECKED, n_examples=1, points_lost=0.0, interval=(0.0, 0.0))
    said = result(tmp_path, checked=few).describe()
    assert "on 1 example: no change (95 % interval: no change)" in said
    assert said.endswith("So few examples say little, whatever the interval: use 100 or more.")
    useless = replace(CHECKED, metric="f1", before=0.0, after=0.0, points_lost=0.0)
    said = result(tmp_path, checked=useless).describe()
    assert "This says nothing: f1 is 0 in float32 and cannot drop." in said
    assert result(tmp_path, checked=useless).report()["metric"]["caution"] in said
    assert replace(CHECKED, metric="loss", before=0.0).caution == ""


def test_the_report_is_json_and_the_plot_an_image(tmp_path) -> None:
    result(tmp_path).write(tmp_path)
    report = json.loads((tmp_path / REPORT_FILE).read_text())
    assert report["float32"] == ["c"]
    assert report["layer_errors"] == {"c": 0.3, "a": 0.02, "b": 0.01}
    assert report["table"][0] == {
        "name": "size",
        "unit": "MB",
        "before": 100.0,
        "after": 25.0,
        "ratio": 0.25,
    }
    assert report["metric"]["interval"] == [-0.2, 0.4]
    assert report["agreement"]["same"] == 0.995
    assert (tmp_path / PLOT_FILE).read_bytes().startswith(b"\x89PNG")
    simple = result(tmp_path, errors={}, checked=None)
    assert len(simple.plot()) < len(result(tmp_path).plot())
    assert simple.report()["metric"] is None


def test_without_matplotlib_there_is_no_plot(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("distilbert.quantizing.result.is_available", lambda name: False)
    result(tmp_path).write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [REPORT_FILE]


def test_numbers_have_about_four_digits() -> None:
    assert [number(n) for n in (12345.6, 999.5, 0.89436, 25.0)] == [
        *("12,346", "999.5", "0.8944", "25")
    ]
