"""Messages of Protocol Buffers, field by field."""

from __future__ import annotations

import pytest

from distilbert.runtimes.protobuf import fields


def test_numbers_and_the_places_of_bytes_are_found_and_fixed_numbers_left_out() -> None:
    data = (
        b"\x08\x96\x01"
        + b"\x12\x03abc"
        + b"\x1d\x00\x00\x80\x3f"
        + b"\x21"
        + bytes(8)
        + b"\x08\x05"
    )
    found = list(fields(data, 0, len(data)))
    assert found == [(1, 150), (2, (5, 8)), (1, 5)]
    assert data[5:8] == b"abc"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\x12\x7fabc", "longer"),
        (b"\x08" + b"\xff" * 11, "without an end"),
        (b"\x0b", "wire type 3"),
    ],
)
def test_bytes_that_are_no_message_are_refused(data: bytes, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        list(fields(data, 0, len(data)))
