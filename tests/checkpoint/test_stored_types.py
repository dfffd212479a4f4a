"""Weights are stored in the type that is asked for, if the format and the values allow it."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.checkpoint.stored_types import as_stored, check_stored
from distilbert.errors import CheckpointError, InputError

ARRAYS = {"a": np.array([1.0, -2.5], dtype=np.float32)}


@pytest.mark.parametrize(
    ("dtype", "name"),
    [(None, "float32"), ("int8", "float32"), ("float16", "float16"), ("bfloat16", "bfloat16")],
)
def test_only_floating_point_types_change_the_arrays(dtype: str | None, name: str) -> None:
    found = as_stored(ARRAYS, dtype)
    assert found["a"].dtype.name == name
    np.testing.assert_array_equal(found["a"].astype(np.float32), ARRAYS["a"])


def test_values_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CheckpointError, match="some of `a` are too large for float16"):
        as_stored({"a": np.array([7e4])}, "float16")
    assert np.isinf(as_stored({"a": np.array([np.inf])}, "float16")["a"]).all()  # as it was


def test_types_and_formats_must_fit() -> None:
    check_stored("int8", "safetensors")
    check_stored("float16", "h5")
    with pytest.raises(InputError, match="'int8' needs the format 'safetensors': got 'h5'"):
        check_stored("int8", "h5")
    with pytest.raises(InputError, match="must be one of float32, float16, bfloat16, int8: got 'x"):
        check_stored("x", "bin")
