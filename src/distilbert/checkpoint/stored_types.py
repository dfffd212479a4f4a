"""The types that weights can be stored in: floating-point ones, and int8 (see `int8_rows`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilbert.checkpoint.mapped import DTYPES
from distilbert.errors import CheckpointError, InputError

INT8 = "int8"
STORED = ("float32", "float16", "bfloat16", INT8)


def check_stored(dtype: str | None, format: str) -> None:
    """
    Raises:
        InputError: files of this format cannot hold weights of this type; None is as they are.
    """
    if dtype not in (None, *STORED):
        raise InputError(f"`dtype` must be one of {', '.join(STORED)}: got {dtype!r}.")
    if dtype == INT8 and format != "safetensors":
        raise InputError(f"`dtype` 'int8' needs the format 'safetensors': got {format!r}.")


def as_stored(arrays: Mapping[str, np.ndarray], dtype: str | None) -> dict[str, np.ndarray]:
    """Arrays in the type that they are stored in; those for int8 stay as they are.

    Raises:
        CheckpointError: a value is too large for the type.
    """
    if dtype in (None, INT8):
        return dict(arrays)
    return {name: _as_type(name, array, DTYPES[dtype]) for name, array in arrays.items()}


def _as_type(name: str, array: np.ndarray, dtype: np.dtype) -> np.ndarray:
    with np.errstate(over="ignore"):
        found = array.astype(dtype)
    if not np.isfinite(found.astype(np.float32)).all() and np.isfinite(array).all():
        raise CheckpointError(
            f"Weights must fit into `dtype`: some of `{name}` are too large for {dtype.name}. Use "
            f"bfloat16."
        )
    return found
