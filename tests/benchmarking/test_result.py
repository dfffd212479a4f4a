"""The table, the report and the plot of given numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmark_rows import row

from distilbert._lazy import is_available
from distilbert.benchmarking import result as module
from distilbert.benchmarking.result import EXACT, Benchmark, Spread


@pytest.fixture
def found() -> Benchmark:
    rows = (
        row("torch", texts=2.0, memory_mib=12.4, same=1.0),
        row("openvino", "bfloat16", texts=1.0, difference=0.02, cosine=0.9987),
        row("transformers, defaults", texts=4.0, is_peer=True, difference=None, steps=()),
    )
    return Benchmark(
        model="m",
        head="base",
        rows=rows,
        reference="torch float32",
        sample={"source": "those given", "n_texts": 10, "n_tokens": 200},
        machine={"processor": "P", "cores": 2, "num_threads": None, "load_average": 0.1},
        left_out=("flax: it is not installed.",),
        warnings=("the machine is busy.",),
        advice=("For many texts use torch float32:", "  use torch"),
    )


def test_quartiles_are_those_of_the_measurements() -> None:
    assert Spread.of([5.0, 1.0, 2.0, 4.0, 3.0]) == Spread(3.0, 2.0, 4.0, 5)
    assert Spread.of([2.0]) == Spread(2.0, 2.0, 2.0, 1)


def test_exact_is_what_differs_by_rounding_only() -> None:
    assert row("a", difference=EXACT).is_exact
    assert not row("a", difference=2 * EXACT).is_exact
    assert not row("a", difference=float("nan")).is_exact
    assert not row("a", difference=None).is_exact


def test_the_table_has_a_line_per_row(found: Benchmark) -> None:
    head, _, *lines = [
        [cell.strip() for cell in line.strip("|\n").split("|")]
        for line in found.table().splitlines()
    ]
    assert head[1:3] == ["1 input of 16 tokens (ms)", "1 input of 128 tokens (ms)"]
    assert lines[0] == [
        "torch float32",
        "10 (9.9 to 10.1)",
        "100 (99 to 101)",
        "5.0 (5.0 to 5.1)",
        "100",
        "12",
        "0.0e+00",
        "100.00 %",
    ]
    assert lines[1][-3:] == ["", "2.0e-02", "cosine 0.99870"]
    assert lines[2][-3:] == ["", "", ""]


def test_the_description_hides_nothing(found: Benchmark) -> None:
    text = found.describe()
    assert "Not measured: flax: it is not installed." in text
    assert "Warning: the machine is busy." in text
    assert text.endswith("For many texts use torch float32:\n  use torch\n")
    assert "10 of 200 tokens" in text


def test_the_folder_has_report_table_and_plot(
    found: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found.write(tmp_path / "with")
    report = json.loads((tmp_path / "with" / "report.json").read_text())
    assert [one["tokens_per_second"] for one in report["rows"]] == [100, 200, 50]
    assert report["rows"][0]["single"]["16"]["median"] == 0.01
    assert [one["is_exact"] for one in report["rows"]] == [True, False, False]
    assert found.table() in (tmp_path / "with" / "report.md").read_text()
    if is_available("matplotlib"):
        assert (tmp_path / "with" / "benchmark.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setattr(module, "is_available", lambda name: False)
    found.write(tmp_path / "without")
    assert {path.name for path in (tmp_path / "without").iterdir()} == {"report.json", "report.md"}
