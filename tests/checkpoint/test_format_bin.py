"""`.bin` files: torch reads ours, we read torch's, old and new, and nothing is ever executed."""

from __future__ import annotations

import copy
import pickle
import warnings
import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch

from distilbert.checkpoint import format_bin
from distilbert.checkpoint.format_bin import read, write
from distilbert.checkpoint.mapped import DTYPES
from distilbert.checkpoint.state_dict_pickle import Storage, StoredTensor, write_pickle
from distilbert.errors import CheckpointError


def zip_of(path, tensors, members, *, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", write_pickle(tensors.items()))
        for name, data in members.items():
            archive.writestr(f"archive/{name}", data)


def test_torch_reads_what_is_written(tmp_path, recorded):
    path = tmp_path / "pytorch_model.bin"
    write(path, recorded.arrays)
    for options in ({}, {"mmap": True}):
        theirs = torch.load(path, weights_only=True, **options)
        assert list(theirs) == list(recorded.arrays)
        for name, array in recorded.arrays.items():
            assert np.array_equal(theirs[name].numpy(), array)


def test_every_dtype_of_torch_survives(tmp_path):
    kinds = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32]
    kinds += [torch.int16, torch.int8, torch.uint8, torch.bool]
    source = {str(kind): torch.tensor([[0, 1], [1, 0]]).to(kind) for kind in kinds}
    source["scalar"], source["empty"] = torch.tensor(2.5), torch.zeros(0, 3)
    torch.save(source, tmp_path / "a.bin")
    arrays, metadata = read(tmp_path / "a.bin")
    assert metadata == {}
    write(tmp_path / "b.bin", arrays)
    back = torch.load(tmp_path / "b.bin", weights_only=True)
    for name, tensor in source.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor)
        assert arrays[name].flags.writeable


@pytest.mark.parametrize("new", [True, False])
def test_views_and_shared_storages_are_read(tmp_path, new):
    whole = torch.arange(24.0).reshape(4, 6)
    source = {"whole": whole, "turned": whole.T, "part": whole[1:3, ::2], "row": whole[2]}
    source["parameter"] = torch.nn.Parameter(whole[0])
    torch.save(source, tmp_path / "a.bin", _use_new_zipfile_serialization=new)
    arrays, _ = read(tmp_path / "a.bin")
    for name, tensor in source.items():
        assert np.array_equal(arrays[name], tensor.detach().numpy())
    arrays["whole"][0, 0] = -1
    assert arrays["turned"][0, 0] == -1
    assert read(tmp_path / "a.bin")[0]["whole"][0, 0] == 0


def test_state_dicts_of_modules_are_read(tmp_path):
    module = torch.nn.Linear(3, 2)
    torch.save(module.state_dict(), tmp_path / "a.bin")
    arrays, _ = read(tmp_path / "a.bin")
    assert np.array_equal(arrays["weight"], module.weight.detach().numpy())


def test_a_tied_array_is_stored_once(tmp_path):
    array = np.ones((64, 64), np.float32)
    write(tmp_path / "a.bin", {"one": array, "two": array})
    assert (tmp_path / "a.bin").stat().st_size < 1.5 * array.nbytes
    theirs = torch.load(tmp_path / "a.bin", weights_only=True)
    assert theirs["one"].data_ptr() == theirs["two"].data_ptr()


def test_stored_bytes_are_aligned_and_mapped(tmp_path, base):
    write(tmp_path / "a.bin", base.arrays)
    arrays, _ = read(tmp_path / "a.bin")
    addresses = {array.ctypes.data % format_bin.ALIGNMENT for array in arrays.values()}
    assert addresses == {0}
    assert not any(array.flags.owndata for array in arrays.values())


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compressed_members_are_refused(tmp_path, method):
    tensor = StoredTensor(Storage("0", "float32", 2**20), 0, (2**20,), (1,))
    zip_of(tmp_path / "a", {"x": tensor}, {"data/0": bytes(2**22)}, method=method)
    with pytest.raises(CheckpointError, match=r"must not be compressed.*zip -0"):
        read(tmp_path / "a")


def test_members_of_one_name_and_of_two_folders_are_refused(tmp_path):
    data = write_pickle([])
    for other in ("archive/data.pkl", "other/data.pkl"):
        with zipfile.ZipFile(tmp_path / "a", "w") as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile's, of a repeated name
            archive.writestr("archive/data.pkl", data)
            archive.writestr(other, data)
        with pytest.raises(CheckpointError, match="must have different names and be in one folder"):
            read(tmp_path / "a")


def test_a_storage_that_is_not_aligned_is_copied_once(tmp_path):
    tensors = {
        str(i): StoredTensor(Storage("0", "float32", 2**20), 0, (2**20,), (1,)) for i in range(2000)
    }
    zip_of(tmp_path / "a", tensors, {"data/0": bytes(2**22)})
    arrays, _ = read(tmp_path / "a")
    assert len({array.ctypes.data for array in arrays.values()}) == 1


def test_storages_that_overlap_are_refused(tmp_path):
    tensors = {
        str(i): StoredTensor(Storage(str(i), "float32", 250), 0, (250,), (1,)) for i in range(50)
    }
    with zipfile.ZipFile(tmp_path / "a", "w") as archive:
        archive.writestr("archive/data.pkl", write_pickle(tensors.items()))
        archive.writestr("archive/data/00", bytes(1001))
        (entry,) = (e for e in archive.infolist() if e.filename.endswith("00"))
        for i in range(50):  # the directory names the same bytes again and again
            again = copy.copy(entry)
            again.filename = f"archive/data/{i}"
            archive.filelist.append(again)
    with pytest.raises(CheckpointError, match="overlap"):
        read(tmp_path / "a")


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (5,), (1,)), (1, (4,), (1,)), (-1, (2,), (1,)), (0, (2, 2), (3, 1)), (0, (9, 9), (0, 0))],
)
def test_views_outside_of_their_storage_are_refused(tmp_path, offset, shape, strides):
    tensor = StoredTensor(Storage("0", "float32", 4), offset, shape, strides)
    zip_of(tmp_path / "a", {"x": tensor}, {"data/0": b"\0" * 16, "data/1": b"secret" * 9})
    with pytest.raises(CheckpointError, match="must lie inside its storage of 16 bytes"):
        read(tmp_path / "a")


def test_a_storage_must_be_there_and_long_enough(tmp_path):
    tensor = StoredTensor(Storage("0", "float32", 4), 0, (4,), (1,))
    zip_of(tmp_path / "a", {"x": tensor}, {})
    with pytest.raises(CheckpointError, match=r"bytes of `x` \(storage 0\) are missing"):
        read(tmp_path / "a")
    zip_of(tmp_path / "b", {"x": tensor}, {"data/0": b"\0" * 15})
    with pytest.raises(CheckpointError, match="`x` needs 16 bytes, its storage has 15"):
        read(tmp_path / "b")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, 2], "holds a list, not a dict"),
        ({1: 2}, "a int, not a text, as a key"),
        ({"a": 1}, "`a` is a int"),
        ({"model": {"a": torch.zeros(1)}}, "`model` is a dict.*Save `model.state_dict"),
    ],
)
def test_other_objects_are_refused_with_advice(tmp_path, value, text):
    torch.save(value, tmp_path / "a.bin")
    with pytest.raises(CheckpointError, match=text):
        read(tmp_path / "a.bin")


@pytest.mark.parametrize("new", [True, False])
def test_a_whole_module_is_refused_and_nothing_of_it_runs(tmp_path, new):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "a.bin", _use_new_zipfile_serialization=new)
    with pytest.raises(CheckpointError, match=r"torch\.nn.*could run code|unknown version|opcode"):
        read(tmp_path / "a.bin")


@pytest.mark.parametrize("wrapped", [True, False])
def test_a_malicious_pickle_runs_nothing(tmp_path, wrapped):
    marker = tmp_path / "marker"
    command = f"touch {marker}".encode()
    attack = b"\x80\x02cposix\nsystem\nX" + len(command).to_bytes(4, "little") + command + b"\x85R."
    path = tmp_path / "pytorch_model.bin"
    if wrapped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", attack)
    else:
        path.write_bytes(attack)
    with pytest.raises(CheckpointError):
        read(path)
    assert not marker.exists()
    pickle.loads(attack)
    assert marker.exists()  # the same bytes do run in Python's own reader


def test_zips_that_are_no_state_dict_are_refused(tmp_path):
    path = tmp_path / "a.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/other", b"")
    with pytest.raises(CheckpointError, match=r"zip without `data\.pkl`"):
        read(path)
    zip_of(path, {}, {"byteorder": b"big"})
    with pytest.raises(CheckpointError, match="big-endian"):
        read(path)
    path.write_bytes(b"PK\x03\x04" + b"\0" * 100)
    with pytest.raises(CheckpointError, match="the file is incomplete or damaged"):
        read(path)


def test_a_pickle_may_not_be_huge(tmp_path, monkeypatch):
    zip_of(tmp_path / "a", {}, {})
    monkeypatch.setattr(format_bin, "MAX_PICKLE_BYTES", 10)
    with pytest.raises(CheckpointError, match="must have at most 10 bytes"):
        read(tmp_path / "a")


def test_what_is_neither_a_zip_nor_an_old_file_is_refused(tmp_path):
    path = tmp_path / "a.bin"
    for data in (b"hello", b"N.", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"):
        path.write_bytes(data)
        with pytest.raises(CheckpointError, match=r"neither a zip nor an old torch\.save file"):
            read(path)


def test_cut_and_foreign_old_files_are_refused(tmp_path, base):
    path = tmp_path / "a.bin"
    tensors = {name: torch.from_numpy(array) for name, array in base.arrays.items()}
    torch.save(tensors, path, _use_new_zipfile_serialization=False)
    whole = path.read_bytes()
    arrays, _ = read(path)
    assert all(np.array_equal(arrays[name], array) for name, array in base.arrays.items())
    for n_bytes in (20, 60, 400, 4000, len(whole) - 1):
        path.write_bytes(whole[:n_bytes])
        with pytest.raises(CheckpointError, match=r"a\.bin cannot be read as a PyTorch state dict"):
            read(path)

    def old(version, machine, keys=()):
        stream = BytesIO()
        for value in (format_bin.LEGACY_MAGIC, version, machine, {}, list(keys)):
            pickle.dump(value, stream, protocol=2)
        path.write_bytes(stream.getvalue())

    for version, machine, keys, text in (
        (1000, {}, (), "unknown version 1000"),
        (
            [[[[[[[1] * 99] * 99] * 99] * 99] * 99] * 99] * 99,
            {},
            (),
            r"unknown version \[{4}\.\.\.",
        ),
        (1001, {}, ((1, 2),), r"storage \(1, 2\) belongs to no tensor"),
        (1001, {"little_endian": False}, (), "big-endian"),
        (1001, {}, ("0",), "storage '0' belongs to no tensor"),
    ):
        old(version, machine, keys)
        with pytest.raises(CheckpointError, match=text):
            read(path)


def test_a_dtype_torch_cannot_name_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="got uint16 in `x`"):
        write(tmp_path / "a.bin", {"x": np.zeros(1, DTYPES["uint16"])})
