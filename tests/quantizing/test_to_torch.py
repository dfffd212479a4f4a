"""The target "torch": a checkpoint that PyTorch computes in int8 and every framework can read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import distilbert
from distilbert.checkpoint import format_safetensors, int8_rows
from distilbert.errors import DataError, InputError
from distilbert.load_options import LoadOptions
from distilbert.quantizing import to_torch
from distilbert.quantizing.plan import Plan
from distilbert.quantizing.to_torch import TABLE

SEQUENCES = [np.array([2, 7, 9, 3]), np.array([2, 8, 3])]
BATCH = {"input_ids": np.array([[2, 7, 9, 3], [2, 8, 3, 0]])}
BATCH["attention_mask"] = (BATCH["input_ids"] != 0).astype(np.int64)


@pytest.fixture
def made(job: Any) -> Any:
    """A calibrated job."""
    found = job("token_classification", runtime="torch", ranges="minmax")
    found.calibrate(SEQUENCES)
    return found


def test_layers_are_the_table_of_words_and_those_of_the_blocks(made: Any) -> None:
    names = list(made.layers)
    assert names[:2] == [TABLE, "transformer.layer.0.attention.qkv"]
    assert len(names) == 1 + 4 * made.model.config.n_layers
    assert made.layers["transformer.layer.0.attention.qkv"] == [
        f"distilbert.transformer.layer.0.attention.{one}_lin.weight" for one in "qkv"
    ]
    assert made.n_calibration == 2
    assert set(made.ranges) == set(names[1:])


def test_only_the_named_layers_are_in_int8(made: Any, tmp_path: Path) -> None:
    chosen = "transformer.layer.0.ffn.lin2"
    [file] = made.write([chosen], tmp_path)
    stored, _ = format_safetensors.read(file)
    in_int8 = [name for name in stored if name.endswith(".int8")]
    assert in_int8 == [f"distilbert.{chosen}.weight.int8"]
    assert int8_rows.read_input_ranges(file) == {chosen: made.ranges[chosen]}
    runner = made.runner_of([chosen])
    assert list(runner._int8) == [chosen]


def test_with_no_layer_the_answers_are_those_of_the_source(made: Any) -> None:
    before, none, every = (
        runner.run_batch(BATCH)["logits"]
        for runner in (made.model.runner, made.runner_of([]), made.runner_of([*made.layers]))
    )
    np.testing.assert_array_equal(none, before)
    assert 0 < np.abs(every - before).max() < 0.1 * np.abs(before).max()


def test_any_framework_reads_the_folder_as_a_checkpoint(
    sources, calibration, tmp_path: Path
) -> None:
    source = sources("torch", "sequence_classification")
    how = {"runtime": "torch", "texts": calibration, "calibration": calibration}
    done = distilbert.quantize(source, tmp_path / "out", **how)
    manifest = json.loads((done.folder / "export.json").read_text())
    assert manifest["runtime"] == "torch"
    assert list(manifest["files"]) == ["model.safetensors"]
    configs = [json.loads((one / "config.json").read_text()) for one in (source, done.folder)]
    assert configs[0].get("_name_or_path") == configs[1].get("_name_or_path")
    texts = [row["text"] for row in calibration]
    expected = distilbert.pipeline("text-classification", source)(texts)
    for options in ({}, {"dtype": "bfloat16"}, {"framework": "flax"}):
        found = distilbert.pipeline("text-classification", done.folder, **options)(texts)
        for one, other in zip(found, expected, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=0.03)


def test_wrong_options_are_named(sources, calibration, rows, tmp_path: Path) -> None:
    model, out = sources("torch", "base"), tmp_path / "out"
    how = {"runtime": "torch", "texts": calibration}
    with pytest.raises(InputError, match="`calibration` must be given with the mode 'static'"):
        distilbert.quantize(model, out, **how)
    how["calibration"] = calibration
    with pytest.raises(InputError, match="`mode` must be one of static for torch: got 'dynamic'"):
        distilbert.quantize(model, out, mode="dynamic", **how)
    with pytest.raises(InputError, match="`dtype` must be one of int8 for torch: got 'float16'"):
        distilbert.quantize(model, out, dtype="float16", **how | {"calibration": None})
    with pytest.raises(InputError, match="`smooth` is not for torch: got True"):
        distilbert.quantize(model, out, smooth=True, **how)
    with pytest.raises(DataError, match="must have tokens of the vocabulary"):
        distilbert.quantize(model, out, **how | {"calibration": [{"text": "☃"}]})
    assert not out.exists()
    distilbert.quantize(model, out, **how)
    with pytest.raises(InputError, match=r"`model` must not be quantized: .* is already"):
        distilbert.quantize(out, tmp_path / "again", **how)
    with pytest.raises(InputError, match=r"`model` must not be quantized: .* is already"):
        distilbert.export(out, tmp_path / "again")


def test_models_are_opened_on_the_cpu_with_the_threads_that_are_asked_for(
    sources, wanted, monkeypatch, tmp_path: Path
) -> None:
    seen: list[dict[str, Any]] = []
    original = to_torch.open_model

    def spied(*given: Any, **how: Any) -> Any:
        seen.append(how)
        return original(*given, **how)

    monkeypatch.setattr(to_torch, "open_model", spied)
    asked = replace(wanted(sources("torch", "base"), "base"), loading=LoadOptions(num_threads=1))
    made = to_torch.open_job(asked, Plan(runtime="torch", mode="static", max_drop=1), tmp_path)
    assert made.runner_of([]).num_threads == 1
    assert [one["device"] for one in seen] == ["cpu", "cpu"]
