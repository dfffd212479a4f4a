"""Files cut, overwritten and bit-flipped at random: the named error or an answer, fast and small.

A flipped bit inside a tensor cannot be noticed, so an answer is right too; a crash, another error,
a hang or a big allocation never is.
"""

from __future__ import annotations

import contextlib
import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from distilbert.checkpoint.folder import open_checkpoint
from distilbert.errors import CheckpointError

FILES = {
    "safetensors": "pt_safetensors/model.safetensors",
    "bin": "pt_bin/pytorch_model.bin",
    "h5": "tf_h5/tf_model.h5",
    "msgpack": "flax_msgpack/flax_model.msgpack",
}

# The recorded files have less than 100 kB; HDF5 alone keeps a cache of 1 MiB and more.
MAX_BYTES = 8_000_000

BOUNDED = settings(
    max_examples=60,
    deadline=5000,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def open_bounded(folder: Path, format: str) -> None:
    tracemalloc.start()
    try:
        with contextlib.suppress(CheckpointError):
            checkpoint = open_checkpoint(folder, formats=[format])
            assert all(array.nbytes < MAX_BYTES for array in checkpoint.values())
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < MAX_BYTES


@pytest.fixture(params=FILES)
def healthy(request, golden, tmp_path) -> tuple[str, Path, bytes]:
    """A format, where to put a damaged file of it, and a whole one's bytes."""
    source = golden / "formats" / "V" / "base" / FILES[request.param]
    return request.param, tmp_path / source.name, source.read_bytes()


@BOUNDED
@given(st.floats(0, 1, exclude_max=True))
def test_cut_files(healthy, part):
    format, path, data = healthy
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(CheckpointError):
        open_checkpoint(path.parent, formats=[format])


# Near either end, where formats keep their headers, or anywhere.
POSITIONS = st.one_of(st.integers(0, 1500), st.integers(-3000, -1), st.integers(0, 10**5))


@BOUNDED
@given(st.lists(st.tuples(POSITIONS, st.integers(0, 255)), min_size=1, max_size=20))
def test_overwritten_files(healthy, changes):
    format, path, data = healthy
    damaged = bytearray(data)
    for position, value in changes:
        damaged[position % len(damaged)] = value
    path.write_bytes(damaged)
    open_bounded(path.parent, format)


@BOUNDED
@given(POSITIONS, st.integers(0, 7))
def test_flipped_bits(healthy, position, bit):
    format, path, data = healthy
    damaged = bytearray(data)
    damaged[position % len(damaged)] ^= 1 << bit
    path.write_bytes(damaged)
    open_bounded(path.parent, format)


@BOUNDED
@given(st.binary(max_size=200))
def test_noise(healthy, noise):
    format, path, data = healthy
    for content in (noise, data[:8] + noise):
        path.write_bytes(content)
        with pytest.raises(CheckpointError):
            open_checkpoint(path.parent, formats=[format])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@BOUNDED
@given(
    st.dictionaries(
        st.text(max_size=5),
        st.fixed_dictionaries(
            {},
            optional={
                "dtype": st.sampled_from(["F32", "BF16", "BOOL", "F33"]) | JSON,
                "shape": st.lists(st.integers(-1, 2**64), max_size=4) | JSON,
                "data_offsets": st.lists(st.integers(-1, 2**64), max_size=3) | JSON,
            },
        )
        | JSON,
        max_size=4,
    )
)
def test_invented_headers(tmp_path, header):
    text = json.dumps(header).encode()
    data = len(text).to_bytes(8, "little") + text + b"\0" * 16
    (tmp_path / "model.safetensors").write_bytes(data)
    open_bounded(tmp_path, "safetensors")


@BOUNDED
@given(JSON | st.dictionaries(st.sampled_from(["weight_map", "metadata"]), JSON))
def test_invented_indexes(tmp_path, index):
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError):
        open_checkpoint(tmp_path, formats=["bin"])
