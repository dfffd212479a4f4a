"""One model with any of its layers quantized, in the runtimes that read our graph."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from distilbert.errors import DataError, InputError
from distilbert.quantizing.plan import Plan
from distilbert.quantizing.targets import TARGETS
from distilbert.quantizing.to_onnx import write_graph

GRAPH_RUNTIMES = [name for name in TARGETS if name != "torch"]
BATCH = {"input_ids": np.array([[2, 7, 9, 11, 3]])}
SEQUENCES = [np.array([2, 7, 9, 11, 3]), np.array([2, 8, 3])]


@pytest.mark.parametrize("dtype", ["int8", "float16", "bfloat16"])
@pytest.mark.parametrize("runtime", GRAPH_RUNTIMES)
def test_only_the_named_layers_are_quantized(job, runtime: str, dtype: str) -> None:
    made = job("base", runtime=runtime, dtype=dtype, mode="dynamic" if dtype == "int8" else None)
    expected = made.model.runner.run_batch(BATCH)["last_hidden_state"]

    def error(names) -> float:
        found = made.runner_of(names).run_batch(BATCH)["last_hidden_state"]
        return float(np.abs(found - expected).mean())

    assert error([]) == pytest.approx(0, abs=1e-6)
    one, every = error(list(made.layers)[1:2]), error(list(made.layers))
    assert 0 < one < every
    assert not [path for path in made.place.iterdir() if path.suffix in (".onnx", ".xml", ".bin")]


def test_calibrated_jobs_use_constant_ranges(job) -> None:
    made = job("token_classification", mode="static")
    made.calibrate(SEQUENCES)
    assert made.n_calibration == 2
    kinds = {node.operator for node in made.graph_of(list(made.layers)).nodes}
    assert "QuantizeLinear" in kinds
    assert "DynamicQuantizeLinear" not in kinds
    with pytest.raises(DataError, match="have none but unknown ones"):
        made.calibrate([np.array([1, 2, 3])][:0])


@pytest.mark.parametrize("runtime", GRAPH_RUNTIMES)
def test_answers_of_static_models_do_not_depend_on_the_batch(job, runtime: str) -> None:
    made = job("base", runtime=runtime, mode="static")
    made.calibrate(SEQUENCES)
    runner = made.runner_of(list(made.layers))
    padded = {
        "input_ids": np.array([[2, 8, 3, 0, 0], [2, 7, 9, 11, 3]]),
        "attention_mask": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]),
    }
    together = runner.run_batch(padded)["last_hidden_state"][0, :3]
    alone = runner.run_batch({"input_ids": np.array([[2, 8, 3]])})["last_hidden_state"][0]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_model_without_layers_or_in_int8_is_refused(exported, wanted, job, tmp_path) -> None:
    folder = shutil.copytree(exported("base"), tmp_path / "m")
    (folder / "export.json").unlink()
    made, plan = job("base"), Plan(runtime="onnx", mode="dynamic", max_drop=1)
    write_graph(made.graph_of(list(made.layers)), folder / "onnx/model.onnx", "base")
    with pytest.raises(InputError, match="must not be quantized"):
        TARGETS["onnx"].open_job(wanted(folder, "base"), plan, tmp_path)
    made.source = replace(made.source, file=Path("model.onnx"))
    made.layers = {}
    with pytest.raises(InputError, match="must have linear layers or tables"):
        made.check_layers()


def test_what_is_in_float16_already_does_not_become_smaller_in_it(
    exported, wanted, tmp_path
) -> None:
    plan = Plan(runtime="onnx", mode=None, dtype="bfloat16", max_drop=1)
    source = wanted(exported("base", dtype="float16"), "base")
    with pytest.raises(InputError, match=r"`dtype` must make the model smaller: .* 'bfloat16'"):
        TARGETS["onnx"].open_job(source, plan, tmp_path)
