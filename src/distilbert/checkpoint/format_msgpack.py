"""`flax_model.msgpack` without Flax: nested maps whose leaves are arrays as extension type 1.

Names join the keys of the tree with `/`. The msgpack library is imported when a file is opened; its
limits are set so that a damaged file cannot make it allocate.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require
from distilbert.checkpoint.mapped import (
    DTYPES,
    MAX_AXES,
    explain_errors,
    is_shape,
    map_file,
    raw_bytes,
    view,
)
from distilbert.errors import CheckpointError

ARRAY = 1  # Flax's extension type of an array: a packed (shape, dtype name, bytes)

# Flax splits arrays with more bytes than this, since an extension holds less than 4 GiB.
CHUNK_BYTES = 2**30
CHUNKED = "__msgpack_chunked_array__"

# More than any model has at one level of its tree, and in all of it: the members of a file of empty
# maps would take 60 times its size in memory.
MAX_KEYS = 10_000
MAX_MEMBERS = 100_000
MAX_DEPTH = 64


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of the tree, writable, and no metadata.

    Raises:
        CheckpointError: the file is missing, damaged, or holds anything but a tree of arrays.
        MissingDependencyError: msgpack is not installed.
    """
    msgpack = require("msgpack", "read .msgpack files")
    buffer = map_file(path)
    # Besides ValueError, the library raises its own exceptions for damaged data.
    damaged = (ValueError, TypeError, msgpack.UnpackException, RecursionError)
    with explain_errors(path, "Flax weights (msgpack)", damaged):
        tree = msgpack.unpackb(
            buffer.data,
            ext_hook=lambda code, data: _array(msgpack, code, data),
            object_hook=_at_most(MAX_MEMBERS),
            max_map_len=MAX_KEYS,
            max_array_len=0,
        )
        if not isinstance(tree, dict):
            raise CheckpointError(f"it holds a {type(tree).__name__}, not a tree of arrays.")
        return dict(_flatten(tree, "", depth=0)), {}


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write the tree, one array at a time, as `flax.serialization.to_bytes` does."""
    msgpack = require("msgpack", "write .msgpack files")
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        *parents, leaf = name.split("/")
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
        node[leaf] = array
    packer = msgpack.Packer(use_bin_type=True)
    with path.open("wb") as file:
        for piece in _pack(msgpack, packer, tree):
            file.write(piece)


def _pack(msgpack: Any, packer: Any, value: Any) -> Iterator[bytes]:
    if isinstance(value, np.ndarray) and value.nbytes > CHUNK_BYTES:
        value = _split(value)
    if isinstance(value, dict):
        yield packer.pack_map_header(len(value))
        for key, child in value.items():
            yield packer.pack(key)
            yield from _pack(msgpack, packer, child)
    elif isinstance(value, np.ndarray):
        content = (value.shape, value.dtype.name, raw_bytes(value))
        yield packer.pack(msgpack.ExtType(ARRAY, packer.pack(content)))
    else:
        yield packer.pack(value)


def _split(array: np.ndarray) -> dict[str, Any]:
    """Flax's form of a big array: flat pieces, lists as maps from index to element."""
    flat = array.reshape(-1)
    step = max(1, CHUNK_BYTES // array.itemsize)
    pieces = [flat[start : start + step] for start in range(0, flat.size, step)]
    return {
        CHUNKED: True,
        "shape": {str(axis): size for axis, size in enumerate(array.shape)},
        "chunks": {str(number): piece for number, piece in enumerate(pieces)},
    }


def _array(msgpack: Any, code: int, data: bytes) -> np.ndarray:
    if code != ARRAY:
        raise CheckpointError(f"leaves must be arrays (extension {ARRAY}): got extension {code}.")
    content = msgpack.unpackb(
        data, use_list=False, list_hook=_at_most(MAX_AXES), max_array_len=MAX_AXES, max_map_len=0
    )
    match content:
        case (tuple(shape), str(dtype), bytes(raw)) if is_shape(shape) and dtype in DTYPES:
            kind = DTYPES[dtype]
            if math.prod(shape) * kind.itemsize == len(raw):
                return view(np.frombuffer(bytearray(raw), np.uint8), kind, tuple(shape))
    raise CheckpointError("an array is not a (shape, dtype, bytes) that fits together.")


def _at_most(limit: int) -> Callable[[Collection[Any]], Any]:
    """A hook that counts the members of all maps or arrays, and refuses more than `limit`."""
    left = limit

    def count(value: Collection[Any]) -> Any:
        nonlocal left
        left -= 1 + len(value)
        if left < 0:
            raise CheckpointError(
                f"it has more than {limit} members. Save the model as safetensors."
            )
        return value

    return count


def _flatten(tree: dict[Any, Any], prefix: str, *, depth: int) -> Iterator[tuple[str, np.ndarray]]:
    if depth > MAX_DEPTH:
        raise CheckpointError(f"its tree is deeper than {MAX_DEPTH} levels.")
    for key, value in tree.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict) and CHUNKED in value:
            yield name, _join(name, value)
        elif isinstance(value, dict):
            yield from _flatten(value, f"{name}/", depth=depth + 1)
        elif isinstance(value, np.ndarray):
            yield name, value
        else:
            raise CheckpointError(f"`{name}` must be an array: got {type(value).__name__}.")


def _join(name: str, value: dict[Any, Any]) -> np.ndarray:
    shape, chunks = (_elements(value.get(key)) for key in ("shape", "chunks"))
    if is_shape(shape) and chunks and all(isinstance(chunk, np.ndarray) for chunk in chunks):
        flat = np.concatenate([chunk.reshape(-1) for chunk in chunks])
        if flat.size == math.prod(shape):
            return flat.reshape(shape)
    raise CheckpointError(f"the pieces of `{name}` do not fit together.")


def _elements(value: object) -> list[Any]:
    """A list that Flax wrote as a map from "0", "1", ... to its elements."""
    if not isinstance(value, dict):
        return []
    return [value[str(index)] for index in range(len(value)) if str(index) in value]
