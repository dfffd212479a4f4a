"""`quantize`: from any checkpoint or exported folder to a smaller one with the same metric."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from exports import tiny_source

import distilbert
from distilbert.errors import (
    DataError,
    InputError,
    MissingDependencyError,
    QuantizationError,
    RunCardError,
)
from distilbert.heads import HEADS
from distilbert.quantizing.targets import TARGETS
from distilbert.tasks.embedding import normalize

QUICK = {"num_threads": 1, "bootstrap": 10}
ANY = {"max_drop": 1e6, **QUICK}


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


HOW = {
    "dynamic": {"mode": "dynamic"},
    "static": {"mode": "static"},
    "float16": {"dtype": "float16"},
}


FORMS = [
    (runtime, how)
    for runtime, target in TARGETS.items()
    for how in HOW
    if how in (*target.modes, *target.dtypes)
]


@pytest.mark.parametrize(("runtime", "how"), FORMS)
@pytest.mark.parametrize("head", HEADS)
def test_every_head_is_quantized_checked_and_opened(
    sources, rows, calibration, tmp_path, head: str, runtime: str, how: str
) -> None:
    more = {"calibration": calibration} if how == "static" else {}
    out, options = tmp_path / "out", {"runtime": runtime, **HOW[how], **more, **ANY}
    model = sources(runtime, head)
    if runtime == "torch":
        del options["num_threads"]
    done = distilbert.quantize(model, out, eval_data=rows[head], **options)
    assert done.kept == []
    assert done.checked.n_examples == len(rows[head])
    names = {TARGETS[runtime].files[0], "config.json", "tokenizer.json", "report.json"}
    assert names < names_in(out)
    assert done.file == out / TARGETS[runtime].files[0]
    assert done.lines[0].ratio < (1 if runtime == "onnx" else 2)  # XML of a tiny model is large
    if head != "base":
        opened = {"framework": runtime} if runtime == "torch" else {"runtime": runtime}
        again = distilbert.evaluate(out, rows[head], bootstrap=10, **opened)
        assert again.scores[again.metric] == pytest.approx(done.checked.after, rel=1e-3)
    assert distilbert.Quantized is type(done)


def test_a_checkpoint_is_exported_with_its_options(tmp_path, calibration) -> None:
    source = tiny_source(tmp_path / "m", "base")
    options = {"pooling": "cls", "normalize": True, "framework": "torch"}
    done = distilbert.quantize(source, tmp_path / "out", texts=calibration, **options)
    assert done.agreement.cosine > 0.98
    model = onnx.load(done.file)
    assert [one.name for one in model.graph.output] == ["last_hidden_state", "sentence_embedding"]
    embed = distilbert.pipeline("sentence-embedding", done.folder)
    expected = distilbert.pipeline("sentence-embedding", source, pooling="cls", normalize=True)
    texts = [row["text"] for row in calibration]
    cosines = (np.array(embed(texts)) * np.array(expected(texts))).sum(axis=1)
    assert cosines.min() > 0.95
    report = json.loads((done.folder / "report.json").read_text())
    assert report["metric"] is None


def texts_of(rows: dict[str, Any]) -> list[str]:
    return [row["text"] for row in rows["masked_lm"]]


@pytest.fixture
def exact_rows(exported, rows) -> list[dict[str, Any]]:
    """Pairs whose similarity is the cosine that the float32 model gives, so that int8 loses."""
    texts = [
        " ".join(text.split()[i:]) for text in texts_of(rows) for i in range(len(text.split()))
    ]
    pairs = list(zip(texts, texts[3:], strict=False))
    embed = distilbert.pipeline("sentence-embedding", exported("base"))
    first, second = (normalize(np.array(embed(list(one)))) for one in zip(*pairs, strict=True))
    cosines = (first * second).sum(axis=1).tolist()
    return [
        {"text": a, "text_pair": b, "label": c} for (a, b), c in zip(pairs, cosines, strict=True)
    ]


def test_the_gate_keeps_layers_in_float32_until_the_metric_holds(
    exported, exact_rows, tmp_path
) -> None:
    model, how = exported("base"), {"eval_data": exact_rows, "metric": "pearson", **QUICK}
    loose = distilbert.quantize(model, tmp_path / "a", max_drop=100, **how)
    assert loose.checked.before == pytest.approx(1)
    strict = {"max_drop": loose.checked.points_lost / 4, **how}
    done = distilbert.quantize(model, tmp_path / "b", **strict)
    assert 0 < len(done.kept) < len(loose.layers)
    assert done.checked.points_lost <= strict["max_drop"]
    assert set(done.errors) == set(loose.layers)
    manifest = json.loads((tmp_path / "b" / "export.json").read_text())
    assert manifest["quantization"]["float32"] == done.kept
    with pytest.raises(QuantizationError, match="let layers stay in float32 with `repair`"):
        distilbert.quantize(model, tmp_path / "c", repair=False, **strict)
    with pytest.raises(QuantizationError, match="Nothing was written; allow more"):
        distilbert.quantize(model, tmp_path / "c", **{**strict, "max_drop": 0.0})
    assert not (tmp_path / "c").exists()


def test_only_an_earlier_quantized_model_is_replaced(exported, calibration, tmp_path) -> None:
    out, model = tmp_path / "out", exported("base")
    distilbert.quantize(exported("base", pooling="mean"), out, texts=calibration, **QUICK)
    assert "modules.json" in names_in(out)
    with pytest.raises(InputError, match="Replace a quantized model with `overwrite`"):
        distilbert.quantize(model, out, texts=calibration)
    distilbert.quantize(model, out, texts=calibration, overwrite=True, **QUICK)
    assert "modules.json" not in names_in(out)
    (out / "thesis.doc").touch()
    with pytest.raises(InputError, match=r"thesis\.doc"):
        distilbert.quantize(model, out, texts=calibration, overwrite=True)
    (out / "thesis.doc").unlink()
    with pytest.raises(InputError, match="must not contain what is read"):
        distilbert.quantize(out, out, texts=calibration, overwrite=True)


@pytest.mark.parametrize("runtime", ["onnx", "openvino"])
def test_a_quantized_model_is_not_quantized_again(exported, calibration, tmp_path, runtime) -> None:
    how = {"texts": calibration, "runtime": runtime, **QUICK}
    done = distilbert.quantize(exported("base"), tmp_path / "a", **how)
    with pytest.raises(InputError, match="must not be quantized"):
        distilbert.quantize(done.folder, tmp_path / "b", **how)
    assert not (tmp_path / "b").exists()


def test_one_for_another_runtime_is_replaced_without_rest(exported, calibration, tmp_path) -> None:
    out, how = tmp_path / "out", {"texts": calibration, **QUICK}
    distilbert.quantize(exported("base"), out, **how)
    distilbert.quantize(exported("base"), out, runtime="openvino", overwrite=True, **how)
    assert "onnx/model_quantized.onnx" not in names_in(out)
    assert distilbert.pipeline("sentence-embedding", out)(["the cat"]).shape == (1, 32)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({}, InputError, "`eval_data` must be given, labelled rows"),
        ({"texts": [], "max_drop": 1}, InputError, "`max_drop` needs `eval_data`"),
        ({"texts": [], "mode": "static"}, InputError, "`calibration` must be given with"),
        ({"texts": [], "calibration": []}, InputError, "got it with 'dynamic'"),
        (
            {"texts": [], "dtype": "float16", "mode": "static"},
            InputError,
            "`mode` is for the dtype",
        ),
        ({"texts": [], "runtime": "tflite"}, InputError, "`runtime` must be one of onnx, openvino"),
    ],
)
def test_wrong_options_are_named_before_anything_is_read(tmp_path, options, error, text) -> None:
    with pytest.raises(error, match=text):
        distilbert.quantize("no/such-model", tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_wrong_data_leave_nothing(exported, rows, tmp_path) -> None:
    unknown = [{"text": "日本 ☃"}]
    model = exported("sequence_classification")
    static = {"mode": "static", "texts": rows["masked_lm"], "calibration": unknown}
    with pytest.raises(DataError, match="have none but unknown ones"):
        distilbert.quantize(model, tmp_path / "out", **static)
    with pytest.raises(DataError):
        distilbert.quantize(model, tmp_path / "out", eval_data=[{"text": "a", "label": "NEW"}])
    for empty in ([], str(tmp_path / "empty.csv")):
        (tmp_path / "empty.csv").touch()
        with pytest.raises(DataError):
            distilbert.quantize(model, tmp_path / "out", eval_data=empty)
    with pytest.raises(RunCardError, match="quantise"):
        distilbert.quantize("no/such-model", tmp_path / "out", texts=[], quantise=True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("runtime", "package"), [("onnx", "onnx"), ("openvino", "openvino")])
def test_a_missing_package_is_named_before_anything_is_read(
    tmp_path, monkeypatch, runtime: str, package: str
) -> None:
    monkeypatch.setitem(__import__("sys").modules, package, None)
    text = f"`{package}` is needed to quantize for {runtime}, but it is not installed: pip install"
    with pytest.raises(MissingDependencyError, match=text):
        distilbert.quantize("no/such-model", tmp_path / "out", texts=[], runtime=runtime)
