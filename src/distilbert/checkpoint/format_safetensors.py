"""safetensors files, memory-mapped: eight bytes of length, a JSON header, then raw tensors.

The header is checked completely before any tensor is made: nothing in it can cause an allocation
larger than itself. Names are the file's own; `layout.py` translates them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.mapped import DTYPES, is_shape, map_file, raw_bytes, view
from distilbert.errors import CheckpointError

# The header of DistilBERT-base has 10 kB; this leaves room for a thousand times as many tensors.
MAX_HEADER_BYTES = 16 * 1024 * 1024

# Tensors start at a multiple of this, so that a mapped array is aligned for every dtype.
ALIGNMENT = 64

TYPE_CODES = {
    "BOOL": "bool",
    "U8": "uint8",
    "I8": "int8",
    "U16": "uint16",
    "I16": "int16",
    "U32": "uint32",
    "I32": "int32",
    "U64": "uint64",
    "I64": "int64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
}
CODES_OF_TYPES = {name: code for code, name in TYPE_CODES.items()}


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of the file, mapped copy-on-write, and its metadata.

    Raises:
        CheckpointError: the file is missing, or any part of its header is wrong.
    """
    buffer = map_file(path)
    header, start = _read_header(buffer, path)
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _broken(path, "`__metadata__` must map text to text")
    entries = {name: _check_entry(name, entry, path) for name, entry in header.items()}
    _check_coverage(entries, buffer.size - start, path)
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
    # Large elements first keep every tensor aligned although they lie without gaps.
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
        header[name] = {
            "dtype": code,
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-(8 + len(text)) % ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name in ordered:
            file.write(raw_bytes(arrays[name]))


def _read_header(buffer: np.ndarray, path: Path) -> tuple[dict[str, Any], int]:
    """The parsed header and the offset of the first tensor."""
    if buffer.size < 8:
        raise _broken(path, f"it must start with 8 bytes of header length, got {buffer.size} bytes")
    length = int.from_bytes(buffer[:8].tobytes(), "little")
    if length > min(buffer.size - 8, MAX_HEADER_BYTES):
        raise _broken(
            path,
            f"its header must fit into the file of {buffer.size} bytes and into "
            f"{MAX_HEADER_BYTES} bytes, got a header of {length} bytes",
        )
    try:
        text = buffer[8 : 8 + length].tobytes().decode("utf-8")
        header = json.loads(text, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise _broken(path, f"its header must be JSON: {error}") from None
    if not isinstance(header, dict):
        raise _broken(path, f"its header must be a JSON object, got a {type(header).__name__}")
    return header, 8 + length


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} occurs twice")
    return out


def _check_entry(
    name: str, entry: object, path: Path
) -> tuple[np.dtype, tuple[int, ...], int, int]:
    if not isinstance(entry, dict):
        raise _broken(path, f"the entry of `{name}` must be an object")
    code, shape, offsets = entry.get("dtype"), entry.get("shape"), entry.get("data_offsets")
    if not isinstance(code, str) or code not in TYPE_CODES:
        raise _broken(
            path, f"the dtype of `{name}` must be one of {list(TYPE_CODES)}, got {code!r}"
        )
    if not is_shape(shape):
        raise _broken(path, f"the shape of `{name}` must be a list of sizes, got {shape!r}")
    if not is_shape(offsets) or len(offsets) != 2:
        raise _broken(path, f"`{name}` must have two data offsets, got {offsets!r}")
    dtype, (begin, end) = DTYPES[TYPE_CODES[code]], offsets
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise _broken(
            path, f"`{name}` of shape {shape} and dtype {code} cannot take bytes {offsets}"
        )
    return dtype, tuple(shape), begin, end


def _check_coverage(
    entries: Mapping[str, tuple[np.dtype, tuple[int, ...], int, int]], n_bytes: int, path: Path
) -> None:
    """Every byte after the header must belong to exactly one tensor."""
    position = 0
    for name, (_, _, begin, end) in sorted(entries.items(), key=lambda item: item[1][2:]):
        if begin != position:
            raise _broken(path, f"`{name}` must begin at byte {position}, got {begin}")
        position = end
    if position != n_bytes:
        raise _broken(path, f"its tensors must fill {n_bytes} bytes, they fill {position}")


def _broken(path: Path, problem: str) -> CheckpointError:
    return CheckpointError(f"{path} is not a whole safetensors file: {problem}. Get it again.")
