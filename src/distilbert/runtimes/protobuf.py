"""Fields of messages in the format of Protocol Buffers, read without that package."""

from __future__ import annotations

import mmap
from collections.abc import Iterator

Data = mmap.mmap | bytes
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
# Bytes of a number of at most 64 bits, 7 in each.
MAX_VARINT = 10


def fields(data: Data, start: int, stop: int) -> Iterator[tuple[int, int | tuple[int, int]]]:
    """The number of each field of a message, and its value: an integer, or where its bytes are.

    Fixed numbers, such as floats, are left out.

    Raises:
        ValueError: the bytes are no message.
    """
    while start < stop:
        key, start = _varint(data, start)
        wire = key & 7
        if wire == VARINT:
            value, start = _varint(data, start)
            yield key >> 3, value
        elif wire == LENGTH:
            size, start = _varint(data, start)
            yield key >> 3, (start, start + size)
            start += size
        elif wire in (FIXED64, FIXED32):
            start += 8 if wire == FIXED64 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if start > stop:
            raise ValueError("a field is longer than its message")


def _varint(data: Data, start: int) -> tuple[int, int]:
    """An integer of 7 bits per byte, and where the next field begins."""
    value = 0
    for i, byte in enumerate(data[start : start + MAX_VARINT]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, start + i + 1
    raise ValueError("a number without an end")
