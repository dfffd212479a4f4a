"""Columns of plain lists as arrays of NumPy, PyTorch, TensorFlow or JAX.

A framework is imported only when its tensors are requested.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.errors import InputError

KINDS = ("pt", "tf", "np", "jax")


def to_tensor(value: Any, kind: str, name: str = "values") -> Any:
    """`value` (nested lists of numbers) as a tensor of framework `kind`.

    Integers become int64 (pt, np) or int32 (tf, jax), floats float32 (np: float64). Rows of
    different lengths give a NumPy array of objects for "np", as in the reference.

    Raises:
        InputError: an unknown `kind`, or rows of different lengths.
    """
    if kind not in KINDS:
        raise InputError(f"`return_tensors` must be one of {', '.join(KINDS)}: got {kind!r}.")
    array = _as_array(value, name, ragged_allowed=kind == "np")
    if kind == "np":
        return array
    if array.dtype == np.float64:
        array = array.astype(np.float32)
    if kind == "pt":
        return require("torch", "return PyTorch tensors").from_numpy(array)
    if array.dtype == np.int64:
        array = array.astype(np.int32)
    if kind == "tf":
        return require("tensorflow", "return TensorFlow tensors").constant(array)
    return require("jax.numpy", "return JAX arrays").asarray(array)


def framework_of(value: Any) -> str | None:
    """Which of the four kinds `value` is, or None for plain Python; imports nothing."""
    if isinstance(value, np.ndarray | np.generic):
        return "np"
    modules = {base.__module__.partition(".")[0] for base in type(value).__mro__}
    for kind, names in (("pt", {"torch"}), ("tf", {"tensorflow"}), ("jax", {"jax", "jaxlib"})):
        if names & modules:
            return kind
    return None


def to_list(value: Any) -> Any:
    """A tensor of any of the four frameworks as nested lists; other values unchanged."""
    kind = framework_of(value)
    if kind == "tf":
        return value.numpy().tolist()
    if kind is not None:
        return value.tolist()
    if isinstance(value, list | tuple):
        return [to_list(item) for item in value]
    return value


def _as_array(value: Any, name: str, *, ragged_allowed: bool) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, list) and not value:
        return np.zeros((0, 0), dtype=np.int64)
    try:
        array = np.asarray(value)
    except ValueError:  # raised by NumPy for rows of different lengths
        if ragged_allowed:
            return np.asarray([np.asarray(row) for row in value], dtype=object)
        raise InputError(_RAGGED.format(name=name)) from None
    if array.size == 0:  # NumPy takes empty rows for floats
        array = array.astype(np.int64)
    if array.dtype.kind not in "iufb":
        raise InputError(f"Only numbers can become a tensor: got `{name}` of {array.dtype}.")
    return array


_RAGGED = (
    "All rows of a tensor must have one length: got rows of different lengths in `{name}`. "
    "Pass `padding=True`, and `truncation=True` if texts may be too long."
)
