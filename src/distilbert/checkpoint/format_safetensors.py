"""safetensors files, memory-mapped: eight bytes of length, a JSON header, then the raw tensors.

The header is checked completely before any tensor is made: nothing in it can cause an allocation
larger than itself. Names stay as they are in the file; `layout.py` translates them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.mapped import (
    DTYPES,
    explain_errors,
    is_shape,
    map_file,
    raw_bytes,
    view,
)
from distilbert.errors import CheckpointError, shown
from distilbert.json_files import parse_json

# The header of DistilBERT-base has 10 kB; this allows a thousand times as many tensors.
MAX_HEADER_BYTES = 16 * 1024 * 1024

# Tensors start at a multiple of this, so that a mapped array is aligned for every dtype.
ALIGNMENT = 64

# The format's code of each dtype: U8, I64, F32 and the like, and four that follow no rule.
CODES_OF_TYPES = {name: re.sub(r"([uif])[a-z]+(\d+)", r"\1\2", name).upper() for name in DTYPES} | {
    "bool": "BOOL",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
TYPE_CODES = {code: name for name, code in CODES_OF_TYPES.items()}

# dtype, shape, first byte and end of a tensor.
Entry = tuple[np.dtype, tuple[int, ...], int, int]


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of the file, mapped copy-on-write, and its metadata.

    Raises:
        CheckpointError: the file is missing, or any part of its header is wrong.
    """
    buffer = map_file(path)
    with explain_errors(path, "a safetensors file"):
        header, start = _read_header(buffer)
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
            raise CheckpointError("`__metadata__` must map text to text.")
        entries = {name: _check_entry(name, entry) for name, entry in header.items()}
        _check_coverage(entries, buffer.size - start)
        arrays = {
            name: view(buffer, dtype, shape, offset=start + begin)
            for name, (dtype, shape, begin, _) in entries.items()
        }
    return arrays, metadata


def write(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write the arrays and the metadata, one tensor at a time.

    Raises:
        CheckpointError: an array has a dtype the format cannot hold.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    # Large elements first keep every tensor aligned although there are no gaps between tensors.
    ordered = sorted(arrays, key=lambda name: -arrays[name].dtype.itemsize)
    end = 0
    for name in ordered:
        array = arrays[name]
        code = CODES_OF_TYPES.get(array.dtype.name)
        if code is None:
            raise CheckpointError(
                f"safetensors holds {', '.join(CODES_OF_TYPES)}: got {array.dtype} in `{name}`."
            )
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": code, "shape": list(array.shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in ordered:
            file.write(raw_bytes(arrays[name]))


def _read_header(buffer: np.ndarray) -> tuple[dict[str, Any], int]:
    """The parsed header and the offset of the first tensor."""
    if buffer.size < 8:
        raise CheckpointError(f"it must start with 8 bytes of header length, got {buffer.size}.")
    length = int.from_bytes(buffer[:8].tobytes(), "little")
    if length > min(buffer.size - 8, MAX_HEADER_BYTES):
        raise CheckpointError(
            f"its header must fit into the file of {buffer.size} bytes and into "
            f"{MAX_HEADER_BYTES} bytes, got a header of {length} bytes."
        )
    try:
        text = buffer[8 : 8 + length].tobytes().decode("utf-8")
        header = parse_json(text, unique_names=True)
    except ValueError as error:
        raise CheckpointError(f"its header must be JSON: {error}.") from None
    if not isinstance(header, dict):
        raise CheckpointError(f"its header must be a JSON object, got a {type(header).__name__}.")
    return header, 8 + length


def _check_entry(name: str, entry: object) -> Entry:
    if not isinstance(entry, dict):
        raise CheckpointError(f"the entry of `{name}` must be an object.")
    code, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(code, str) or code not in TYPE_CODES:
        known = ", ".join(TYPE_CODES)
        raise CheckpointError(f"the dtype of `{name}` must be one of {known}, got {shown(code)}.")
    if not is_shape(shape):
        raise CheckpointError(f"the shape of `{name}` must be a list of sizes, got {shown(shape)}.")
    if not is_shape(offsets) or len(offsets) != 2:
        raise CheckpointError(f"`{name}` must have two data offsets, got {shown(offsets)}.")
    dtype, (begin, end) = DTYPES[TYPE_CODES[code]], offsets
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise CheckpointError(
            f"`{name}` of shape {shape} and dtype {code} cannot take bytes {offsets}."
        )
    return dtype, tuple(shape), begin, end


def _check_coverage(entries: Mapping[str, Entry], n_bytes: int) -> None:
    """Every byte after the header must belong to exactly one tensor."""
    position = 0
    for name, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != position:
            raise CheckpointError(f"`{name}` must begin at byte {position}, got {begin}.")
        position = end
    if position != n_bytes:
        raise CheckpointError(f"its tensors must fill {n_bytes} bytes, they fill {position}.")
