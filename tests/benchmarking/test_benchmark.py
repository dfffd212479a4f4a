"""A benchmark of tiny models: its structure, what it stores, and its errors. No times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from exports import tiny_source

from distilbert import benchmark, export, pipeline
from distilbert.benchmarking import benchmark as module
from distilbert.benchmarking.contenders import Found
from distilbert.errors import CheckpointError, DataError, InputError, UnknownArgumentError

QUICK: dict[str, Any] = {"seconds": 0.01, "texts": [{"text": "the cat sat"}, {"text": "a dog"}]}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("DISTILBERT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path / "cache"


@pytest.mark.parametrize("head", ["base", "masked_lm", "question_answering", "multiple_choice"])
def test_every_runtime_is_measured_and_agrees_with_torch(head: str, tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", head)
    named = {"head": head} if head == "multiple_choice" else {}
    found = benchmark(source, **named, **QUICK)
    assert found.head == head
    assert found.reference == "torch float32"
    rows = {row.label: row for row in found.rows}
    assert {"torch float32", "torch bfloat16", "onnx float32"} <= rows.keys()
    assert [*found.rows[0].single] == [16, 64]  # the model takes no 128 tokens
    for row in rows.values():
        assert row.is_exact == (row.dtype == "float32"), row.label
        assert row.texts.n >= 3
        assert row.steps
    assert (rows["onnx float32"].cosine is not None) == (head == "base")
    assert found.sample["n_texts"] == 2
    assert found.sample["n_tokens"] == 9
    assert found.advice[0].startswith("For many texts use")
    assert found.stored is not None
    assert found.stored.is_file()


def test_what_was_measured_is_what_fastest_opens(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "token_classification")
    folder = export(source, tmp_path / "m-onnx", to="onnx").folder
    found = benchmark(folder, output=tmp_path / "out", num_threads=1, **QUICK)
    assert [row.label for row in found.rows] == ["onnx float32"]
    assert found.reference == "onnx float32"
    assert (tmp_path / "out" / "report.json").is_file()
    pipe = pipeline("ner", folder, runtime="fastest", num_threads=1)
    assert type(pipe.runner).__name__ == "FileRunner"


def test_a_way_that_cannot_be_opened_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tiny_source(tmp_path / "m", "base")
    opened = module.open_way

    def no_half(way: Any, *given: Any) -> Any:
        if way.dtype == "bfloat16":
            raise InputError("no instructions for it.")
        return opened(way, *given)

    monkeypatch.setattr(module, "open_way", no_half)
    found = benchmark(source, **QUICK)
    assert "torch bfloat16: no instructions for it." in found.left_out
    assert all(row.dtype == "float32" for row in found.rows)
    nothing = Found(left_out=["torch: it is not installed."])
    monkeypatch.setattr(module, "find_ways", lambda *_, **__: nothing)
    with pytest.raises(InputError, match=r"can run nothing here\. torch: it is not"):
        benchmark(source, **QUICK)


def test_a_busy_machine_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_average", lambda: 99.0)
    found = benchmark(tiny_source(tmp_path / "m", "base"), **QUICK)
    assert "load average 99" in found.warnings[0]


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"seconds": 0}, InputError, "`seconds` must be more than 0: got 0"),
        ({"num_threads": 0}, InputError, "`num_threads` must be an integer >= 1: got 0"),
        ({"head": "lm"}, InputError, "`head` must be one of"),
        ({"head": "masked_lm"}, CheckpointError, "needs every weight of DistilBertForMaskedLM"),
        ({"texts": "none.txt"}, DataError, "Data must be a file that exists"),
        ({"runtime": "onnx"}, UnknownArgumentError, "unknown keywords: runtime"),
        ({"batches": 3}, UnknownArgumentError, "unknown keywords: batches"),
    ],
)
def test_wrong_options_are_errors_and_store_nothing(
    tmp_path: Path, cache: Path, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    source = tiny_source(tmp_path / "m", "base")
    with pytest.raises(kind, match=message):
        benchmark(source, **{**QUICK, **options})
    assert not cache.exists()


def test_a_measurement_is_not_lost_where_it_cannot_be_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = export(tiny_source(tmp_path / "m", "base"), tmp_path / "m-onnx").folder
    (tmp_path / "file").touch()
    monkeypatch.setenv("DISTILBERT_CACHE", str(tmp_path / "file"))
    found = benchmark(folder, num_threads=1, **QUICK)
    assert found.stored is None
    assert any("it cannot be stored" in warning for warning in found.warnings)
    assert [row.label for row in found.rows] == ["onnx float32"]
