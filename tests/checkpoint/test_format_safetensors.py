"""safetensors: equal to the published library both ways; every part of the header is checked."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from distilbert.checkpoint.format_safetensors import read, write
from distilbert.checkpoint.mapped import DTYPES
from distilbert.errors import CheckpointError

ENTRY = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


def raw(header: object, body: bytes = b"\0" * 8) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def test_the_published_library_reads_what_is_written(tmp_path, recorded):
    path = tmp_path / "a.safetensors"
    write(path, recorded.arrays, {"format": "pt"})
    theirs = load_file(path)
    assert theirs.keys() == recorded.arrays.keys()
    assert all(np.array_equal(theirs[name], array) for name, array in recorded.arrays.items())
    with safe_open(path, framework="numpy") as file:
        assert file.metadata() == {"format": "pt"}


def test_what_the_published_library_writes_is_read(tmp_path, base):
    path = tmp_path / "a.safetensors"
    save_file(base.arrays, path, metadata={"format": "pt", "more": "text"})
    arrays, metadata = read(path)
    assert metadata == {"format": "pt", "more": "text"}
    assert all(np.array_equal(arrays[name], array) for name, array in base.arrays.items())


def test_every_dtype_survives(tmp_path):
    arrays = {name: np.array([[0, 1, 1]]).astype(dtype) for name, dtype in DTYPES.items()}
    arrays["scalar"] = np.array(2.5, np.float32)
    arrays["empty"] = np.zeros((0, 3), np.float16)
    write(tmp_path / "a", arrays, {})
    back, _ = read(tmp_path / "a")
    for name, array in arrays.items():
        assert back[name].dtype == array.dtype
        assert back[name].shape == array.shape
        assert back[name].flags.aligned
        assert back[name].tobytes() == array.tobytes()


def test_a_dtype_without_a_code_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="got complex64 in `x`"):
        write(tmp_path / "a", {"x": np.zeros(1, np.complex64)}, {})


def test_opening_reads_the_header_only(tmp_path):
    path = tmp_path / "a.safetensors"
    write(path, {"x": np.zeros((2048, 1024), np.float32)}, {})
    tracemalloc.start()
    arrays, _ = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert arrays["x"].nbytes == 8 * 1024 * 1024
    assert peak < 100_000
    arrays["x"][0, 0] = 1.0  # copy on write
    assert read(path)[0]["x"][0, 0] == 0.0


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\0\0", "8 bytes of header length, got 2"),
        (b"\xff" * 8 + b"{}", "got a header of 18446744073709551615 bytes"),
        (raw(b"{"), "must be JSON"),
        (raw(b"\xff{}"), "must be JSON"),
        (raw(b"[" * 100_000), "must be JSON"),
        (raw([]), "must be a JSON object, got a list"),
        (raw(b'{"a":1,"a":2}'), "the name 'a' occurs twice"),
        (raw({"__metadata__": {"a": 1}}), "must map text to text"),
        (raw({"__metadata__": []}), "must map text to text"),
        (raw({"a": 1}), "the entry of `a` must be an object"),
        (raw({"a": {**ENTRY, "dtype": "F33"}}), "the dtype of `a` must be one of"),
        (raw({"a": {**ENTRY, "dtype": ["F32"]}}), "the dtype of `a` must be one of"),
        (raw({"a": {**ENTRY, "shape": [-2]}}), "the shape of `a`"),
        (raw({"a": {**ENTRY, "shape": [1.5]}}), "the shape of `a`"),
        (raw({"a": {**ENTRY, "shape": None}}), "the shape of `a`"),
        (raw({"a": {**ENTRY, "shape": [2**47]}}), "cannot take bytes"),
        (raw({"a": {**ENTRY, "shape": [2**62]}}), "the shape of `a`"),
        (raw({"a": {**ENTRY, "data_offsets": [0]}}), "two data offsets"),
        (raw({"a": {**ENTRY, "data_offsets": [8, 0]}}), "cannot take bytes"),
        (raw({"a": {**ENTRY, "data_offsets": [8, 16]}}), "must begin at byte 0, got 8"),
        (raw({"a": ENTRY, "b": {**ENTRY, "data_offsets": [4, 12]}}, b"\0" * 12), "begin at byte 8"),
        (raw({"a": ENTRY}, b"\0" * 7), "must fill 7 bytes, they fill 8"),
        (raw({"a": ENTRY}, b"\0" * 9), "must fill 9 bytes, they fill 8"),
        (raw({"a": {"dtype": "F32", "shape": [0, 2**60], "data_offsets": [0, 0]}}, b""), "shape"),
    ],
)
def test_a_wrong_header_is_refused_by_name(tmp_path, data, text):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=text):
        read(path)
