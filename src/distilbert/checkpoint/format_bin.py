"""`pytorch_model.bin` without torch: the zip that `torch.save` writes, and its older form.

Tensors are memory-mapped: torch never compresses the members of the zip. The pickle inside is read
as data (`state_dict_pickle.py`). Names stay as they are in the file.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np

from distilbert.checkpoint.mapped import DTYPES, explain_errors, map_file, raw_bytes, view
from distilbert.checkpoint.state_dict_pickle import (
    STORAGES_OF_TYPES,
    Storage,
    StoredTensor,
    read_pickle,
    write_pickle,
)
from distilbert.errors import CheckpointError, shown

ZIP_MAGIC = b"PK\x03\x04"
# First value in files of torch.save before PyTorch 1.6, followed by the version of that form.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_VERSION = 1001

# The pickle of DistilBERT-base has 11 kB.
MAX_PICKLE_BYTES = 16 * 1024 * 1024

# Storages start at a multiple of this in the file, as in torch.
ALIGNMENT = 64
WIDEST = max(dtype.itemsize for dtype in DTYPES.values())
ENCRYPTED = 1  # bit of a zip member's flags
LOCAL_HEADER_BYTES = 30
# What `zipfile` raises for a damaged archive (OSError for a negative offset) and for
# an unknown method of compression (NotImplementedError, a RuntimeError).
DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, EOFError),
    *(ValueError, RuntimeError, OSError, OverflowError),
)
# Id of the extra field that pads to the alignment; torch uses the same ("FB").
PADDING_ID = b"FB"


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The tensors of the file, mapped copy-on-write, and no metadata.

    Raises:
        CheckpointError: the file is missing, damaged, or holds anything but tensors.
    """
    buffer = map_file(path)
    with explain_errors(path, "a PyTorch state dict", DAMAGED):
        if bytes(buffer[:4]) == ZIP_MAGIC:
            tensors, storages = _read_zip(path, buffer)
        else:
            tensors, storages = _read_legacy(buffer)
        return {name: _tensor(name, tensor, storages) for name, tensor in tensors.items()}, {}


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a zip that `torch.load(path, weights_only=True)` reads; shared arrays stay shared.

    Raises:
        CheckpointError: an array has a dtype the format cannot hold.
    """
    storages: dict[tuple[int, tuple[int, ...], tuple[int, ...]], tuple[Storage, np.ndarray]] = {}
    tensors: list[tuple[str, StoredTensor]] = []
    for name, array in arrays.items():
        if array.dtype.name not in STORAGES_OF_TYPES:
            known = ", ".join(STORAGES_OF_TYPES)
            raise CheckpointError(f"A .bin file holds {known}: got {array.dtype} in `{name}`.")
        identity = (array.ctypes.data, array.shape, array.strides)
        if identity not in storages or array.size == 0:
            storage = Storage(str(len(storages)), array.dtype.name, array.size)
            storages[identity] = storage, array
        storage = storages[identity][0]
        tensors.append((name, StoredTensor(storage, 0, array.shape, _c_strides(array.shape))))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "data.pkl", write_pickle(tensors))
        _add(archive, "byteorder", b"little")
        for storage, array in storages.values():
            _add(archive, f"data/{storage.key}", raw_bytes(array))
        _add(archive, "version", b"3\n")


def _add(archive: zipfile.ZipFile, name: str, data: bytes | memoryview) -> None:
    """Add a stored member whose bytes start at a multiple of ALIGNMENT."""
    entry = zipfile.ZipInfo(f"{Path(archive.filename or 'archive').name.split('.')[0]}/{name}")
    entry.file_size = len(data)
    start = (archive.fp.tell() if archive.fp else 0) + LOCAL_HEADER_BYTES + len(entry.filename) + 4
    padding = -start % ALIGNMENT
    entry.extra = PADDING_ID + padding.to_bytes(2, "little") + b"\0" * padding
    with archive.open(entry, "w") as member:
        member.write(data)


def _c_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    sizes = [max(size, 1) for size in shape]
    return tuple(math.prod(sizes[axis + 1 :]) for axis in range(len(sizes)))


def _tensor(name: str, tensor: object, storages: Mapping[str, np.ndarray]) -> np.ndarray:
    if not isinstance(tensor, StoredTensor):
        raise CheckpointError(
            f"a state dict maps names to tensors, but `{name}` is a {type(tensor).__name__}. "
            f"Save `model.state_dict()` alone."
        )
    storage, dtype = tensor.storage, DTYPES[tensor.storage.dtype]
    if storage.key not in storages:
        raise CheckpointError(f"the bytes of `{name}` (storage {storage.key}) are missing.")
    data = storages[storage.key]
    if storage.n_bytes > data.size:
        raise CheckpointError(
            f"`{name}` needs {storage.n_bytes} bytes, its storage has {data.size}."
        )
    offset = tensor.offset * dtype.itemsize
    return view(data[: storage.n_bytes], dtype, tensor.shape, offset=offset, strides=tensor.strides)


# --- zip --------------------------------------------------------------------------------------


def _read_zip(path: Path, buffer: np.ndarray) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        members = _members(archive)
    if "data.pkl" not in members:
        raise CheckpointError("it is a zip without `data.pkl`.")
    pickled = _small_member(members["data.pkl"], buffer, MAX_PICKLE_BYTES)
    order = members.get("byteorder")
    if order is not None and _small_member(order, buffer, 16) != b"little":
        raise CheckpointError("it is from a big-endian machine; save it as safetensors.")
    tensors = _state_dict(read_pickle(BytesIO(pickled)))
    storages = {
        key: _member(members[f"data/{key}"], buffer)
        for key in _used_storages(tensors)
        if f"data/{key}" in members
    }
    return tensors, _aligned(storages, buffer.size)


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The members by their names inside of the zip's one folder.

    Readers differ in which of two members of one name they take, and in which folder they look.
    """
    entries = archive.infolist()
    members = {entry.filename.partition("/")[2]: entry for entry in entries}
    roots = {entry.filename.partition("/")[0] for entry in entries}
    if len(members) != len(entries) or len(roots) > 1:
        raise CheckpointError("its members must have different names and be in one folder.")
    return members


def _used_storages(tensors: Mapping[str, object]) -> set[str]:
    stored = (tensor for tensor in tensors.values() if isinstance(tensor, StoredTensor))
    return {tensor.storage.key for tensor in stored}


def _small_member(entry: zipfile.ZipInfo, buffer: np.ndarray, limit: int) -> bytes:
    if entry.file_size > limit:
        raise CheckpointError(
            f"`{entry.filename}` must have at most {limit} bytes: got {entry.file_size}. Save the "
            f"state dict as safetensors."
        )
    data = _member(entry, buffer).tobytes()
    if zlib.crc32(data) != entry.CRC:
        raise CheckpointError(f"`{entry.filename}` is damaged. Download it again.")
    return data


def _member(entry: zipfile.ZipInfo, buffer: np.ndarray) -> np.ndarray:
    """The member's bytes, mapped."""
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & ENCRYPTED:
        raise CheckpointError(
            f"its members must not be compressed or encrypted, but {shown(entry.filename)} is. "
            f"Unpack it and pack it again with `zip -0`, or save it with PyTorch."
        )
    at = max(entry.header_offset, 0)
    header = buffer[at : at + LOCAL_HEADER_BYTES].tobytes()
    if len(header) < LOCAL_HEADER_BYTES or header[:4] != ZIP_MAGIC:
        raise CheckpointError(f"the zip is damaged at {shown(entry.filename)}. Download it again.")
    n_name, n_extra = (int.from_bytes(header[i : i + 2], "little") for i in (26, 28))
    start = at + LOCAL_HEADER_BYTES + n_name + n_extra
    if start + entry.file_size > buffer.size:
        raise CheckpointError(f"the zip ends inside of {shown(entry.filename)}. Download it again.")
    return buffer[start : start + entry.file_size]


def _aligned(storages: Mapping[str, np.ndarray], n_bytes: int) -> dict[str, np.ndarray]:
    """The storages, copied where they do not begin at a multiple of every dtype's size.

    Raises:
        CheckpointError: they overlap, so that their copies would be larger than the file.
    """
    out: dict[str, np.ndarray] = {}
    n_copied = 0
    for key, storage in storages.items():
        if storage.ctypes.data % WIDEST:
            n_copied += storage.size
            if n_copied > n_bytes:
                raise CheckpointError("its storages overlap.")
            storage = storage.copy()
        out[key] = storage
    return out


def _state_dict(value: object) -> dict[str, object]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise CheckpointError(f"it holds a {type(value).__name__}, not a dict with text keys.")
    return value


# --- before PyTorch 1.6 -----------------------------------------------------------------------


def _read_legacy(buffer: np.ndarray) -> tuple[dict[str, object], dict[str, np.ndarray]]:
    """Five pickles (magic, version, machine, tensors, storage keys), then the storages."""
    stream = BytesIO(buffer[:MAX_PICKLE_BYTES].tobytes())
    try:
        magic = read_pickle(stream)
    except CheckpointError:
        magic = None
    if magic != LEGACY_MAGIC:
        raise CheckpointError("it is neither a zip nor an old torch.save file.")
    version, machine, value, keys = (read_pickle(stream) for _ in range(4))
    if version != LEGACY_VERSION or not isinstance(machine, dict):
        raise CheckpointError(f"its old torch.save form has the unknown version {shown(version)}.")
    if not machine.get("little_endian", True):
        raise CheckpointError("it is from a big-endian machine; save it as safetensors.")
    tensors = _state_dict(value)
    used = {t.storage.key: t.storage for t in tensors.values() if isinstance(t, StoredTensor)}
    position = stream.tell()
    storages: dict[str, np.ndarray] = {}
    for key in keys if isinstance(keys, list) else ():
        if not isinstance(key, str) or key not in used:
            raise CheckpointError(f"storage {shown(key)} belongs to no tensor.")
        n_elements = int.from_bytes(buffer[position : position + 8].tobytes(), "little")
        start = position + 8
        position = start + n_elements * DTYPES[used[key].dtype].itemsize
        storages[key] = buffer[start:position]
    return tensors, _aligned(storages, buffer.size)
