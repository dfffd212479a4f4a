"""`.msgpack` files: the same bytes as Flax writes, and damaged ones refused."""

from __future__ import annotations

import msgpack
import numpy as np
import pytest

from distilbert.checkpoint import format_msgpack
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.format_msgpack import read, write
from distilbert.checkpoint.mapped import DTYPES
from distilbert.errors import CheckpointError


def leaf(shape, dtype, data):
    return msgpack.ExtType(1, msgpack.packb((shape, dtype, data)))


def test_the_file_has_the_bytes_flax_writes(tmp_path, recorded):
    save_checkpoint(
        tmp_path, recorded.arrays, recorded.config, head=recorded.head, format="msgpack"
    )
    expected = recorded.formats / "flax_msgpack" / "flax_model.msgpack"
    assert (tmp_path / "flax_model.msgpack").read_bytes() == expected.read_bytes()


def test_every_dtype_survives(tmp_path):
    arrays = {f"a/{name}": np.array([[0, 1]]).astype(dtype) for name, dtype in DTYPES.items()}
    arrays["scalar"] = np.array(2.5, np.float32)
    write(tmp_path / "a", arrays)
    back, metadata = read(tmp_path / "a")
    assert metadata == {}
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
        assert back[name].tobytes() == array.tobytes()
        assert back[name].flags.writeable


def test_big_arrays_are_split_as_flax_does(tmp_path, monkeypatch):
    array = np.arange(60, dtype=np.float32).reshape(6, 10)
    monkeypatch.setattr(format_msgpack, "CHUNK_BYTES", 100)
    write(tmp_path / "a", {"x/kernel": array})
    tree = msgpack.unpackb((tmp_path / "a").read_bytes())["x"]["kernel"]
    assert tree["__msgpack_chunked_array__"] is True
    assert tree["shape"] == {"0": 6, "1": 10}
    assert list(tree["chunks"]) == ["0", "1", "2"]
    assert np.array_equal(read(tmp_path / "a")[0]["x/kernel"], array)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([], "holds a list"),
        ([1], "exceeds max_array_len"),
        ({"a": 1}, "`a` must be an array: got int"),
        ({"a": {"b": None}}, "`a/b` must be an array: got NoneType"),
        ({"a": msgpack.ExtType(2, b"")}, "got extension 2"),
        ({"a": leaf([2], "float32", b"\0" * 7)}, "fits together"),
        ({"a": leaf([2**40, 2**40], "float32", b"")}, "fits together"),
        ({"a": leaf([-1], "float32", b"")}, "fits together"),
        ({"a": leaf([1], "object", b"\0" * 8)}, "fits together"),
        ({"a": leaf([1], "float32", "text")}, "fits together"),
        ({"a": msgpack.ExtType(1, b"\xc1")}, "the file is incomplete or damaged"),
        ({"a": {format_msgpack.CHUNKED: True}}, "pieces of `a` do not fit"),
        (
            {"a": {format_msgpack.CHUNKED: True, "shape": {"0": 2}, "chunks": {"0": 1}}},
            "pieces of `a` do not fit",
        ),
    ],
)
def test_anything_but_a_tree_of_arrays_is_refused(tmp_path, value, text):
    (tmp_path / "a").write_bytes(msgpack.packb(value))
    with pytest.raises(CheckpointError, match=text):
        read(tmp_path / "a")


@pytest.mark.parametrize(
    "data",
    [
        b"\xc1",
        b"\x81" * 100,
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\x81\xa1a\x81" * 40_000,
        b"\x80\x80",
        b"\x81\xc0",
    ],
)
def test_damaged_files_are_refused(tmp_path, data):
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"as Flax weights .*: the file is incomplete"):
        read(tmp_path / "a")


def test_deep_trees_are_refused(tmp_path):
    value: object = leaf([], "float32", b"\0" * 4)
    for _ in range(100):
        value = {"a": value}
    (tmp_path / "a").write_bytes(msgpack.packb(value))
    with pytest.raises(CheckpointError, match="deeper than 64 levels"):
        read(tmp_path / "a")


def test_files_of_empty_maps_and_arrays_are_refused(tmp_path):
    keys = [str(number) for number in range(1000)]
    for value in (
        {key: {inner: {} for inner in keys} for key in keys},
        {key: leaf([], "float32", [[[]] * 32] * 32) for key in keys[:1]},
    ):
        (tmp_path / "a").write_bytes(msgpack.packb(value))
        with pytest.raises(CheckpointError, match=r"more than \d+ members\. Save the model as"):
            read(tmp_path / "a")
