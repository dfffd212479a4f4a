"""The target "openvino": int8 kernels, attention as one kernel, equal bytes."""

from __future__ import annotations

import platform
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert._lazy import require
from distilbert.quantizing.to_openvino import write_model

SEQUENCES = [np.array([2, 7, 9, 11, 3]), np.array([2, 8, 3])]
on_x86 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="other processors have other kernels"
)


def kernels(model: Any) -> Counter[tuple[str, str]]:
    """The kinds of operators that OpenVINO computes, and the type of their first input."""
    facts = [one.get_rt_info() for one in model.get_runtime_model().get_ops()]
    return Counter(
        (one["layerType"].astype(str), one["runtimePrecision"].astype(str)) for one in facts
    )


@on_x86
def test_static_products_are_of_integers_and_attention_stays_whole(job) -> None:
    made = job("sequence_classification", runtime="openvino", mode="static")
    made.calibrate(SEQUENCES)
    before, runner = kernels(made.model.runner.session.model), made.runner_of(list(made.layers))
    after = kernels(runner.session.model)
    n_products = len(made.layers) - 1  # all but the table; the classifier has too few outputs
    assert after["FullyConnected", "u8"] == n_products
    assert after["FullyConnected", "f32"] == 1
    assert before["FullyConnected", "f32"] == n_products + 1
    assert after["Gather", "i8"] == 1
    assert not [kind for kind, _ in after if kind in ("Softmax", "Gelu", "MatMul")]


@on_x86
def test_smoothing_costs_no_operator(job) -> None:
    found = []
    for smooth in (True, False):
        made = job("base", runtime="openvino", mode="static", smooth=smooth)
        made.calibrate(SEQUENCES)
        found.append(kernels(made.runner_of(list(made.layers)).session.model))
    kinds = ("Eltwise", "FakeQuantize", "FullyConnected", "Subgraph")
    counts = [[n for (kind, _), n in sorted(one.items()) if kind in kinds] for one in found]
    assert counts[0] == counts[1]


@on_x86
def test_dynamic_weights_stay_in_int8_in_memory(job) -> None:
    made = job("base", runtime="openvino")
    found = kernels(made.runner_of(list(made.layers)).session.model)
    assert found["FullyConnected", "i8"] == len(made.layers) - 1
    assert found["FullyConnected", "f32"] == 0


def test_plain_openvino_reads_the_model_and_equal_jobs_give_equal_bytes(
    job, tmp_path: Path
) -> None:
    made = job("base", runtime="openvino", mode="static")
    made.calibrate(SEQUENCES)
    first, again = (tmp_path / name for name in ("a", "b"))
    for folder in (first, again):
        folder.mkdir()
        files = made.write(list(made.layers), folder)
        assert [file.suffix for file in files] == [".xml", ".bin"]
        assert {file.name for file in (folder / "openvino").iterdir()} == {f.name for f in files}
    for file in files:
        assert (first / "openvino" / file.name).read_bytes() == file.read_bytes()
    openvino = require("openvino", "run a test")
    ids = SEQUENCES[0][None]
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    model = openvino.Core().compile_model(str(files[0]), "CPU", exact)
    found = model({"input_ids": ids, "attention_mask": np.ones_like(ids)})["last_hidden_state"]
    runner = made.runner_of(list(made.layers))
    expected = runner.run_batch({"input_ids": ids})["last_hidden_state"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_weights_in_float16_take_half(job, tmp_path: Path) -> None:
    made = job("masked_lm", runtime="openvino", mode=None, dtype="float16")
    whole = write_model(made.graph, tmp_path / "a.xml", "masked_lm")[1].stat().st_size
    half = write_model(made.graph_of(list(made.layers)), tmp_path / "b.xml", "masked_lm")[1]
    assert half.stat().st_size < 0.6 * whole
