"""Bytes of a file as NumPy arrays through copy-on-write memory mapping.

Such arrays may be written to; the file never changes. Every view is checked against the bounds of
the file first. Knows dtypes, offsets and strides; knows no file format.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

import ml_dtypes
import numpy as np

from distilbert.errors import CheckpointError

# Names common to torch, flax and NumPy -> little-endian dtype, the byte order of all four formats.
DTYPES = {
    name: np.dtype(getattr(ml_dtypes, name, name)).newbyteorder("<")
    for name in (
        *("bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"),
        *("float16", "float32", "float64", "bfloat16", "float8_e4m3fn", "float8_e5m2"),
    )
}

# More axes than any framework writes; NumPy itself allows 64.
MAX_AXES = 32
MAX_ELEMENTS = 2**48
# Characters of a library's message about a damaged file; some repeat parts of the file.
LONGEST_REASON = 300


def map_file(path: Path) -> np.ndarray:
    """The file's bytes as a writable uint8 array whose changes stay in memory.

    Raises:
        CheckpointError: the file is missing, unreadable or empty.
    """
    try:
        with path.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    except ValueError:
        raise CheckpointError(f"A weight file must not be empty: {path} has 0 bytes.") from None
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(
            f"A weight file must be readable: {path} is not ({reason})."
        ) from None
    return np.frombuffer(mapped, np.uint8)


@contextmanager
def explain_errors(
    path: Path, kind: str, damaged: tuple[type[Exception], ...] = ()
) -> Iterator[None]:
    """Add the path and the kind of file to errors about a file's content.

    `damaged` are the exceptions that a library raises for a damaged file.
    """
    try:
        yield
    except CheckpointError as error:
        raise CheckpointError(f"{path} cannot be read as {kind}: {error}") from None
    except damaged as error:
        reason = str(error).partition("\n")[0][:LONGEST_REASON] or type(error).__name__
        raise CheckpointError(
            f"{path} cannot be read as {kind}: the file is incomplete or damaged ({reason}). "
            f"Download or save it again."
        ) from None


def is_shape(value: object) -> TypeGuard[Sequence[int]]:
    """Whether `value` is a list or tuple of at most MAX_AXES sizes."""
    return isinstance(value, (list, tuple)) and len(value) <= MAX_AXES and all(map(is_size, value))


def is_size(value: object) -> TypeGuard[int]:
    """Whether `value` is an integer from 0 to MAX_ELEMENTS."""
    return type(value) is int and 0 <= value <= MAX_ELEMENTS


def view(
    buffer: np.ndarray,
    dtype: np.dtype,
    shape: tuple[int, ...],
    *,
    offset: int = 0,
    strides: tuple[int, ...] | None = None,
) -> np.ndarray:
    """An array on the bytes of `buffer`; copied only where the bytes are not aligned.

    Args:
        offset: in bytes.
        strides: in elements; C order when None.

    Raises:
        CheckpointError: the array would reach outside of `buffer`, or repeats its elements.
    """
    n_elements = math.prod(shape)
    # NumPy multiplies the other axes of an empty array too, and refuses what overflows.
    too_big = math.prod(max(n, 1) for n in shape) > MAX_ELEMENTS
    n_spanned = n_elements
    if strides is not None and n_elements:
        n_spanned = 1 + sum((n - 1) * stride for n, stride in zip(shape, strides, strict=True))
    end = offset + n_spanned * dtype.itemsize
    if too_big or n_spanned < n_elements or offset < 0 or end > buffer.size:
        raise CheckpointError(
            f"A tensor must lie inside its storage of {buffer.size} bytes: got shape {shape}, "
            f"dtype {dtype.name}, byte offset {offset}. The file is damaged."
        )
    flat = buffer[offset:end]
    if flat.ctypes.data % max(dtype.alignment, 1):
        flat = flat.copy()
    elements = flat.view(dtype)
    if strides is None or n_elements == 0:
        return elements.reshape(shape)
    steps = tuple(stride * dtype.itemsize for stride in strides)
    return np.lib.stride_tricks.as_strided(elements, shape, steps)


def raw_bytes(array: np.ndarray) -> memoryview:
    """The array's bytes in C order and little-endian; a copy only where needed."""
    array = np.ascontiguousarray(array)
    array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return array.reshape(-1).view(np.uint8).data
