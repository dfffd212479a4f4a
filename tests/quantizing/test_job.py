"""One model with any of its layers in int8."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.errors import DataError, InputError
from distilbert.quantizing.files import write_graph

BATCH = {"input_ids": np.array([[2, 7, 9, 11, 3]])}
SEQUENCES = [np.array([2, 7, 9, 11, 3]), np.array([2, 8, 3])]


def test_runners_have_the_named_layers_in_int8(job) -> None:
    made = job("base")
    expected = made.model.runner.run_batch(BATCH)["last_hidden_state"]

    def error(names) -> float:
        found = made.runner_of(names).run_batch(BATCH)["last_hidden_state"]
        return float(np.abs(found - expected).mean())

    assert error([]) == pytest.approx(0, abs=1e-6)
    one, every = error(list(made.layers)[1:2]), error(list(made.layers))
    assert 0 < one < every
    assert not (made.place / "candidate.onnx").exists()


def test_calibrated_jobs_use_constant_ranges(job) -> None:
    made = job("token_classification", mode="static")
    made.calibrate(SEQUENCES)
    assert made.n_calibration == 2
    kinds = {node.operator for node in made.graph_of(list(made.layers)).nodes}
    assert "QuantizeLinear" in kinds
    assert "DynamicQuantizeLinear" not in kinds
    with pytest.raises(DataError, match="have none but unknown ones"):
        made.calibrate([np.array([1, 2, 3])][:0])


def test_answers_of_static_models_do_not_depend_on_the_batch(job) -> None:
    made = job("base", mode="static")
    made.calibrate(SEQUENCES)
    runner = made.runner_of(list(made.layers))
    padded = {
        "input_ids": np.array([[2, 8, 3, 0, 0], [2, 7, 9, 11, 3]]),
        "attention_mask": np.array([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]),
    }
    together = runner.run_batch(padded)["last_hidden_state"][0, :3]
    alone = runner.run_batch({"input_ids": np.array([[2, 8, 3]])})["last_hidden_state"][0]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_model_without_layers_or_in_int8_is_refused(job, exported) -> None:
    made = job("base")
    file = made.source.exported.file
    kept = file.read_bytes()
    try:
        write_graph(made.graph_of(list(made.layers)), file, "base")
        with pytest.raises(InputError, match="must not be quantized"):
            type(made)(made.source, made.plan, made.place, num_threads=1)
        made.graph.constants = {
            name: a[None] if a.ndim == 2 else a for name, a in made.graph.constants.items()
        }
        write_graph(made.graph, file, "base")
        with pytest.raises(InputError, match="must have linear layers or tables"):
            type(made)(made.source, made.plan, made.place, num_threads=1)
    finally:
        file.write_bytes(kept)
