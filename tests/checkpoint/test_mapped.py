"""Views of file bytes: writable, private, and never outside of the file."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.checkpoint.mapped import DTYPES, is_shape, map_file, raw_bytes, view
from distilbert.errors import CheckpointError


def test_writing_to_a_mapped_array_does_not_change_the_file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(range(16)))
    array = view(map_file(path), DTYPES["int8"], (4, 4))
    array += 1
    assert array[0].tolist() == [1, 2, 3, 4]
    assert path.read_bytes() == bytes(range(16))


def test_missing_empty_and_unreadable_files_are_named(tmp_path):
    (tmp_path / "empty").touch()
    with pytest.raises(CheckpointError, match=r"must not be empty: .*empty has 0 bytes"):
        map_file(tmp_path / "empty")
    with pytest.raises(CheckpointError, match="No such file"):
        map_file(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="must be readable"):
        map_file(tmp_path)


@pytest.mark.parametrize(
    ("shape", "offset", "strides"),
    [
        ((17,), 0, None),
        ((4,), 13, None),
        ((4,), -1, None),
        ((4, 4), 0, (5, 1)),
        ((4, 4), 0, (0, 1)),
        ((2**40, 2**40), 0, (0, 0)),
        ((0, 2**60), 0, None),
    ],
)
def test_a_view_outside_of_its_bytes_is_refused(shape, offset, strides):
    buffer = np.zeros(16, np.uint8)
    with pytest.raises(CheckpointError, match="must lie inside its storage of 16 bytes"):
        view(buffer, DTYPES["uint8"], shape, offset=offset, strides=strides)


def test_strided_and_empty_views_are_right():
    buffer = np.arange(6, dtype="<i4").view(np.uint8)
    turned = view(buffer, DTYPES["int32"], (3, 2), strides=(1, 3))
    assert turned.tolist() == [[0, 3], [1, 4], [2, 5]]
    assert view(buffer, DTYPES["int32"], (0, 3), strides=(3, 1)).shape == (0, 3)
    assert view(buffer, DTYPES["int32"], (), offset=8).item() == 2


def test_an_unaligned_view_is_copied_to_an_aligned_place():
    buffer = np.zeros(32, np.uint8)
    array = view(buffer, DTYPES["float64"], (2,), offset=3)
    assert array.flags.aligned
    assert array.flags.writeable


def test_bytes_are_in_c_order_and_little_endian():
    array = np.array([[1, 2], [3, 4]], ">i2").T
    assert bytes(raw_bytes(array)) == bytes([1, 0, 3, 0, 2, 0, 4, 0])
    assert bytes(raw_bytes(np.array(1.0, DTYPES["bfloat16"]))) == b"\x80\x3f"


def test_only_short_lists_of_whole_numbers_are_shapes():
    assert is_shape([])
    assert is_shape((2, 3))
    for value in (None, "23", [True], [1.0], [-1], [1] * 33):
        assert not is_shape(value)
