"""The target "openvino": plain operators, equal bytes, and weights rounded by OpenVINO."""

from __future__ import annotations

import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exports import tiny_source
from tolerances import OUTPUT, assert_close

import distilbert
from distilbert._lazy import require
from distilbert.exporting import graph
from distilbert.heads import HEADS
from distilbert.runtimes.openvino_contents import read_contents

TEXTS = ["the cat sat on the mat .", "berlin", "who lives in paris ? the wolf , my dog !"]


def compiled(path: Path) -> Any:
    openvino = require("openvino", "run a test")
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(str(path), "CPU", exact)


@pytest.mark.parametrize("head", HEADS)
def test_plain_openvino_reads_the_usual_names_from_the_usual_place(tmp_path, head: str) -> None:
    done = distilbert.export(tiny_source(tmp_path / "m", head), tmp_path / "out", to="openvino")
    folder = tmp_path / "out" / "openvino"
    assert done.files == [folder / "openvino_model.xml", folder / "openvino_model.bin"]
    model = compiled(done.files[0])
    for port, name in zip(model.inputs, ("input_ids", "attention_mask"), strict=True):
        assert (name in port.get_names(), port.get_element_type().get_type_name()) == (True, "i64")
        assert all(axis.is_dynamic for axis in port.get_partial_shape())
    assert [port.get_any_name() for port in model.outputs] == [*HEADS[head].outputs] == done.outputs
    assert f"{HEADS[head].class_name} as openvino, 0." in done.describe()


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_a_sentence_encoder_makes_its_vectors_in_the_model(tmp_path: Path, pooling: str) -> None:
    source = tiny_source(tmp_path / "m", "base")
    options = {"pooling": pooling, "normalize": True}
    done = distilbert.export(source, tmp_path / "out", to="openvino", **options)
    expected = distilbert.pipeline("sentence-embedding", source, **options)(TEXTS)
    tokenizer = distilbert.AutoTokenizer.from_pretrained(done.folder)
    batch = tokenizer(TEXTS, padding=True, return_tensors="np")
    found = compiled(done.files[0])(dict(batch))
    assert_close(found["sentence_embedding"], expected, OUTPUT)


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="other processors have other kernels"
)
def test_attention_and_activations_are_fused_when_openvino_compiles_it(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "base")
    done = distilbert.export(source, tmp_path / "out", to="openvino")
    stored = read_contents(done.files[0])
    counts = [stored.operators[name] for name in ("Gelu", "MVN", "SoftMax", "Identity")]
    assert counts == [2, 5, 2, 0]
    assert stored.opset < 16  # OpenVINO before 2025 reads it
    operators = compiled(done.files[0]).get_runtime_model().get_ops()
    kinds = Counter(one.get_rt_info()["layerType"].astype(str) for one in operators)
    assert kinds["FullyConnected"] == 8
    assert kinds["Softmax"] == kinds["Gelu"] == 0


def test_equal_checkpoints_give_equal_bytes_in_one_process(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "question_answering")
    first, again = (
        distilbert.export(source, tmp_path / name, to="openvino") for name in ("a", "b")
    )
    for one, other in zip(first.files, again.files, strict=True):
        assert one.read_bytes() == other.read_bytes()


def test_float16_halves_the_weights_and_keeps_the_mask(tmp_path: Path) -> None:
    source = tiny_source(tmp_path / "m", "masked_lm")
    whole = distilbert.export(source, tmp_path / "a", to="openvino")
    half = distilbert.export(source, tmp_path / "b", to="openvino", dtype="float16")
    assert half.files[1].stat().st_size < 0.55 * whole.files[1].stat().st_size
    found = distilbert.pipeline("fill-mask", half.folder)("the [MASK] sat .", top_k=3)
    expected = distilbert.pipeline("fill-mask", source)("the [MASK] sat .", top_k=3)
    scores = [[one["score"] for one in answers] for answers in (found, expected)]
    np.testing.assert_allclose(*scores, atol=1e-2)


def test_weights_above_the_limit_of_a_message_go_through_a_second_file(
    tmp_path: Path, monkeypatch
) -> None:
    source = tiny_source(tmp_path / "m", "base")
    expected = distilbert.export(source, tmp_path / "a", to="openvino")
    monkeypatch.setattr(graph, "MAX_MESSAGE_BYTES", 1000)
    found = distilbert.export(source, tmp_path / "b", to="openvino")
    assert found.files[1].read_bytes() == expected.files[1].read_bytes()
    names = {path.name for path in (tmp_path / "b").rglob("*")}
    assert not [name for name in names if "onnx" in name or name.startswith("tmp")]
