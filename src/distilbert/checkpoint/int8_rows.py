"""safetensors files whose matrices are stored in int8, a quarter of the size of float32.

A tensor of two axes is stored as two: `NAME.int8` (R, C) and `NAME.scale`, float32 (R,); it is the
product of both, row by row. Tensors of one axis stay as they are. The metadata of the file say so:
`quantization` is `int8-rows`. No tensor has the name of a parameter that it does not hold, so that
other readers report missing weights instead of using wrong ones.

The metadata may also have `input_ranges`, what the inputs of some layers lie between, by the name
of the layer: a runner that multiplies integers needs them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint import format_safetensors
from distilbert.checkpoint.mapped import explain_errors
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.errors import CheckpointError, shown
from distilbert.json_files import parse_json

QUANTIZATION, INPUT_RANGES = "quantization", "input_ranges"
INT8_ROWS = "int8-rows"
VALUES, SCALES = ".int8", ".scale"
LARGEST = 127
# What an end of a range can be at most, so that the range is a number in float32.
LARGEST_END = 1e38


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of a safetensors file and its metadata; those stored in int8 become float32.

    Raises:
        CheckpointError: the file is damaged, or quantized in another way.
    """
    arrays, metadata = format_safetensors.read(path)
    kind = metadata.get(QUANTIZATION)
    if kind not in (None, INT8_ROWS):
        raise CheckpointError(
            f"`{QUANTIZATION}` in the metadata of {path} must be {INT8_ROWS}: got {kind!r}. Read "
            f"the file with the software that wrote it."
        )
    if kind is None:
        return arrays, metadata
    with explain_errors(path, "a safetensors file of int8 rows"):
        return _dequantized(arrays), metadata


def write(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    metadata: Mapping[str, str],
    *,
    matrices: Collection[str] | None = None,
    input_ranges: Mapping[str, tuple[float, float]] | None = None,
) -> None:
    """Write the arrays, those of two axes in int8, and the metadata.

    Args:
        matrices: the names of those to store in int8; by default all.

    Raises:
        CheckpointError: a value is not finite.
    """
    stored: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if array.ndim != 2 or (matrices is not None and name not in matrices):
            stored[name] = array
            continue
        stored[name + VALUES], stored[name + SCALES] = quantize_rows(name, array)
    facts = {**metadata, QUANTIZATION: INT8_ROWS}
    if input_ranges is not None:
        facts[INPUT_RANGES] = json.dumps({name: list(one) for name, one in input_ranges.items()})
    format_safetensors.write(path, stored, facts)


def read_input_ranges(path: Path) -> dict[str, tuple[float, float]]:
    """The `input_ranges` of a safetensors file, empty if it has none.

    Raises:
        CheckpointError: the file is damaged, or they are not ranges.
    """
    text = format_safetensors.read(path)[1].get(INPUT_RANGES)
    if text is None:
        return {}
    try:
        found = parse_json(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(map(_is_range, found.values())):
        raise CheckpointError(
            f"`{INPUT_RANGES}` in the metadata of {path} must be pairs of numbers by the names of "
            f"layers, as JSON: got {shown(text)}. Quantize the model again."
        )
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def ranges_in(
    folder: Path, formats: Sequence[str], variant: str | None
) -> dict[str, tuple[float, float]]:
    """The `input_ranges` of the weights that are loaded from a folder, as far as it has any."""
    file = folder / WEIGHT_FILES["safetensors"].single()
    if variant is not None or not file.is_file():
        return {}
    loaded = next(kind for kind in (*formats, "") if not kind or WEIGHT_FILES[kind].present(folder))
    return read_input_ranges(file) if loaded == "safetensors" else {}


def _is_range(given: Any) -> bool:
    return (
        isinstance(given, list)
        and len(given) == 2
        and all(type(one) in (int, float) and abs(one) <= LARGEST_END for one in given)
        and given[0] <= given[1]
    )


def quantize_rows(
    name: str, array: np.ndarray, *, largest: int = LARGEST
) -> tuple[np.ndarray, np.ndarray]:
    """A matrix (R, C) as int8 (R, C) and the scale of each row, float32 (R,).

    The largest value of a row becomes `largest` or minus that; others are rounded to the nearest
    step.

    Raises:
        CheckpointError: a value is not finite; `name` is that of the matrix.
    """
    wide = array.astype(np.float32)
    scales = np.abs(wide).max(axis=1, initial=0.0) / np.float32(largest)
    if not np.isfinite(scales).all():
        raise CheckpointError(f"Only finite values can be stored in int8: `{name}` has others.")
    scales[scales == 0] = 1.0
    return np.rint(wide / scales[:, None]).astype(np.int8), scales


def _dequantized(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    for name, array in arrays.items():
        if name.endswith(SCALES):
            if name.removesuffix(SCALES) + VALUES not in arrays:
                raise CheckpointError(f"`{name}` must belong to a tensor in int8, there is none.")
        elif name.endswith(VALUES):
            plain = name.removesuffix(VALUES)
            scales = _checked_scales(plain, array, arrays.get(plain + SCALES))
            found[plain] = array * scales[:, None]
        else:
            found[name] = array
    return found


def _checked_scales(name: str, values: np.ndarray, scales: np.ndarray | None) -> np.ndarray:
    """The scales of the rows of `values`, float32 (R,)."""
    if values.dtype != np.int8 or values.ndim != 2:
        raise CheckpointError(
            f"`{name}{VALUES}` must be int8 and have two axes: got {values.dtype.name} of shape "
            f"{values.shape}."
        )
    if scales is None or scales.dtype != np.float32 or scales.shape != values.shape[:1]:
        got = "none" if scales is None else f"{scales.dtype.name} of shape {scales.shape}"
        raise CheckpointError(
            f"`{name}{SCALES}` must be float32 of shape {values.shape[:1]}: got {got}."
        )
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise CheckpointError(f"`{name}{SCALES}` must be finite and above 0: the file is damaged.")
    return scales
