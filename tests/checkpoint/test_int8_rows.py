"""Matrices in int8 with a scale for each row: exact where they can be, damaged ones are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.checkpoint import format_safetensors, int8_rows
from distilbert.errors import CheckpointError

STEPS = np.array([[127, -3, 0], [0, 0, 0], [-127, 64, 1]], dtype=np.float32)
SCALES = np.array([0.5, 3.0, 0.001], dtype=np.float32)
BIAS = np.array([0.1, 0.2, 0.3], dtype=np.float32)


def test_whole_steps_come_back_exactly(tmp_path: Path) -> None:
    matrix = STEPS * SCALES[:, None]
    path = tmp_path / "f.safetensors"
    int8_rows.write(path, {"a.weight": matrix, "a.bias": BIAS}, {"format": "pt"})
    arrays, metadata = int8_rows.read(path)
    assert metadata == {"format": "pt", "quantization": "int8-rows"}
    assert arrays["a.weight"].dtype == np.float32
    np.testing.assert_allclose(arrays["a.weight"], matrix, rtol=1e-6)
    np.testing.assert_array_equal(arrays["a.bias"], BIAS)
    stored, _ = format_safetensors.read(path)
    assert stored["a.weight.int8"].dtype == np.int8
    assert stored["a.weight.scale"].shape == (3,)
    assert "a.weight" not in stored  # other readers do not take steps for weights


def test_a_value_is_off_by_half_a_step_at_most(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).normal(size=(9, 50)).astype(np.float32)
    int8_rows.write(tmp_path / "f", {"w": matrix}, {})
    found = int8_rows.read(tmp_path / "f")[0]["w"]
    half = np.abs(matrix).max(1, keepdims=True) / 254
    assert (np.abs(found - matrix) <= half * 1.0001).all()


def test_only_finite_weights_are_stored(tmp_path: Path) -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(CheckpointError, match="finite values can be stored in int8: `w`"):
            int8_rows.write(tmp_path / "f", {"w": np.array([[1.0, bad]])}, {})
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"w.scale": np.array([1, np.nan], "float32")}, "`w.scale` must be finite and above 0"),
        ({"w.scale": np.array([1, -1], "float32")}, "`w.scale` must be finite and above 0"),
        ({"w.scale": np.array([1, 0], "float32")}, "`w.scale` must be finite and above 0"),
        ({"w.scale": np.ones(3, "float32")}, r"float32 of shape \(2,\): got float32 of shape \(3"),
        ({"w.scale": np.ones(2, "float64")}, r"float32 of shape \(2,\): got float64"),
        ({"w.scale": None}, r"float32 of shape \(2,\): got none"),
        ({"w.int8": None}, "`w.scale` must belong to a tensor in int8"),
        ({"w.int8": np.ones((2, 3), "uint8")}, "`w.int8` must be int8 and have two axes"),
        ({"w.int8": np.ones(2, "int8")}, "`w.int8` must be int8 and have two axes"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    good = {"w.int8": np.ones((2, 3), np.int8), "w.scale": np.ones(2, np.float32)}
    arrays = {name: array for name, array in (good | changes).items() if array is not None}
    format_safetensors.write(tmp_path / "f", arrays, {"quantization": "int8-rows"})
    with pytest.raises(CheckpointError, match=f"cannot be read as .* int8 rows: .*{message}"):
        int8_rows.read(tmp_path / "f")


def test_another_quantization_is_named(tmp_path: Path) -> None:
    format_safetensors.write(tmp_path / "f", {}, {"quantization": "int4"})
    with pytest.raises(CheckpointError, match="must be int8-rows: got 'int4'"):
        int8_rows.read(tmp_path / "f")


def test_chosen_matrices_and_ranges(tmp_path: Path) -> None:
    file, ranges = tmp_path / "f.safetensors", {"a": (-1.5, 2.0), "b": (0.0, 0.0)}
    arrays = {"a.weight": STEPS, "b.weight": STEPS / 3}
    int8_rows.write(file, arrays, {"format": "pt"}, matrices={"a.weight"}, input_ranges=ranges)
    stored, _ = format_safetensors.read(file)
    assert sorted(stored) == ["a.weight.int8", "a.weight.scale", "b.weight"]
    np.testing.assert_array_equal(int8_rows.read(file)[0]["b.weight"], STEPS / 3)
    assert int8_rows.read_input_ranges(file) == ranges
    int8_rows.write(file, arrays, {})
    assert int8_rows.read_input_ranges(file) == {}


@pytest.mark.parametrize(
    "text",
    [
        *("[", "[]", '{"a": 1}', '{"a": [1]}', '{"a": [2, 1]}', '{"a": [0, NaN]}', "[" * 100_000),
        *('{"a": [0, 1e39]}', '{"a": [false, true]}', f'{{"a": [0, 1{400 * "0"}]}}'),
    ],
)
def test_ranges_that_are_none_are_named(tmp_path: Path, text: str) -> None:
    file = tmp_path / "f.safetensors"
    format_safetensors.write(file, {"a": BIAS}, {"input_ranges": text})
    with pytest.raises(
        CheckpointError, match=r"`input_ranges` in the metadata of .* must be pairs"
    ):
        int8_rows.read_input_ranges(file)


def test_ranges_are_those_of_the_file_that_is_loaded(tmp_path: Path) -> None:
    assert int8_rows.ranges_in(tmp_path, ("safetensors",), None) == {}
    ranges = {"a": (0.0, 1.0)}
    int8_rows.write(tmp_path / "model.safetensors", {"a": STEPS}, {}, input_ranges=ranges)
    assert int8_rows.ranges_in(tmp_path, ("safetensors", "bin"), None) == ranges
    assert int8_rows.ranges_in(tmp_path, ("msgpack", "safetensors"), None) == ranges
    assert int8_rows.ranges_in(tmp_path, ("bin",), None) == {}
    assert int8_rows.ranges_in(tmp_path, ("safetensors",), "fp16") == {}
    (tmp_path / "pytorch_model.bin").touch()
    assert int8_rows.ranges_in(tmp_path, ("bin", "safetensors"), None) == {}
