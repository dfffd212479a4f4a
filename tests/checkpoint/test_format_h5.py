"""`.h5` files in Keras 2's layout: the recorded names, and nothing from outside of the file."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from distilbert.checkpoint import format_h5
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.format_h5 import model_name, read, write, write_shard
from distilbert.checkpoint.mapped import DTYPES
from distilbert.errors import CheckpointError

NAME = "vocab_transform/kernel:0"


def listed_names(path):
    """Layer -> names without the model's, as the attributes list them."""
    with h5py.File(path) as file:
        layers = [*file.attrs["layer_names"], "top_level_model_weights"]
        assert file.attrs["backend"] == "tensorflow"
        assert file.attrs["keras_version"].startswith("2.")
        weights = {layer: list(file[layer].attrs["weight_names"]) for layer in layers}
        for layer, names in weights.items():
            assert all(isinstance(file[layer][name], h5py.Dataset) for name in names)
    return {
        layer: [name.partition("/")[2] for name in names]
        for layer, names in weights.items()
        if "dropout" not in layer
    }


def test_layers_and_names_are_the_recorded_ones(tmp_path, recorded):
    save_checkpoint(tmp_path, recorded.arrays, recorded.config, head=recorded.head, format="h5")
    expected = listed_names(recorded.formats / "tf_h5" / "tf_model.h5")
    assert listed_names(tmp_path / "tf_model.h5") == expected


def test_the_model_name_is_the_recorded_one_without_its_number(recorded):
    with h5py.File(recorded.formats / "tf_h5" / "tf_model.h5") as file:
        name = file["distilbert"].attrs["weight_names"][0].partition("/")[0]
    assert name.rstrip("_0123456789") == model_name(recorded.head)


def test_the_projector_repeats_the_embeddings(tmp_path, masked_lm):
    save_checkpoint(tmp_path, masked_lm.arrays, masked_lm.config, head="masked_lm", format="h5")
    names = []
    with h5py.File(tmp_path / "tf_model.h5") as file:
        file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    assert len(names) == 45
    arrays, _ = read(tmp_path / "tf_model.h5")
    assert len(arrays) == 41


def test_shards_list_their_tensors(tmp_path, masked_lm):
    write_shard(tmp_path / "a.h5", {NAME: np.ones((2, 3), np.float32)})
    with h5py.File(tmp_path / "a.h5") as file:
        assert list(file.attrs["layer_names"]) == [NAME]
    arrays, _ = read(tmp_path / "a.h5")
    assert list(arrays) == [NAME]


def test_contiguous_data_is_mapped_and_private(tmp_path):
    write(tmp_path / "a.h5", {NAME: np.zeros((4, 4), np.float32)}, head="base")
    arrays, _ = read(tmp_path / "a.h5")
    assert not arrays[NAME].flags.owndata
    arrays[NAME][:] = 1
    assert read(tmp_path / "a.h5")[0][NAME].sum() == 0


def test_a_whole_saved_model_is_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset(f"model_weights/x/model/{NAME}", data=np.ones(3))
        file.create_dataset("optimizer_weights/y", data=np.ones(3))
    assert list(read(tmp_path / "a.h5")[0]) == [NAME]


def test_chunked_big_endian_and_half_precision_data_is_read(tmp_path):
    values = np.arange(10_000)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("chunks", data=values, chunks=(999,))
        file.create_dataset("big", data=values.astype(">f4"))
        file.create_dataset("half", data=(values % 100).astype("f2"))
    arrays, _ = read(tmp_path / "a.h5")
    assert np.array_equal(arrays["chunks"], values)
    assert np.array_equal(arrays["big"], values)
    assert arrays["big"].dtype.isnative
    assert arrays["half"].dtype == np.float16


@pytest.mark.parametrize("options", [{"compression": "gzip"}, {"shuffle": True}])
def test_compressed_data_is_refused(tmp_path, options):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (2**30,), "i1", chunks=(2**30,), **options)
    with pytest.raises(CheckpointError, match=r"`x` must not be compressed.*h5repack -f NONE"):
        read(tmp_path / "a.h5")


def test_a_dataset_of_many_names_is_read_once(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["0"] = np.arange(2**18, dtype=">f4")
        for number in range(1, 2000):
            file[str(number)] = file["0"]
    arrays, _ = read(tmp_path / "a.h5")
    assert len(arrays) == 2000
    assert len({id(array) for array in arrays.values()}) == 1


def test_data_that_is_claimed_but_not_stored_is_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", shape=(2**40,), dtype="f4", chunks=(2**10,))
    with pytest.raises(CheckpointError, match="`x` claims 4398046511104 bytes but stores 0"):
        read(tmp_path / "a.h5")


def test_links_and_external_data_are_refused(tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"\0" * 64)
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.ones(3)
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["x"] = h5py.ExternalLink("other.h5", "/x")
    with h5py.File(tmp_path / "soft.h5", "w") as file:
        file["y"] = h5py.SoftLink("/x")
    with h5py.File(tmp_path / "external.h5", "w") as file:
        file.create_dataset("x", (8,), "f8", external=[(str(secret), 0, 64)])
    for name, text in (("link", "it is a link"), ("soft", "a link"), ("external", "another one")):
        with pytest.raises(CheckpointError, match=text):
            read(tmp_path / f"{name}.h5")


def test_text_and_records_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = "text"
    with pytest.raises(CheckpointError, match="`x` must hold numbers"):
        read(tmp_path / "a.h5")


def test_endless_trees_are_refused(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["loop"] = file["/"]
    with pytest.raises(CheckpointError, match="deeper than 16 groups"):
        read(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        for name in "abc":
            file[name] = np.ones(1)
    monkeypatch.setattr(format_h5, "MAX_MEMBERS", 2)
    with pytest.raises(CheckpointError, match="more than 2 members"):
        read(tmp_path / "b.h5")


def test_other_files_are_refused(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"no HDF5 at all")
    with pytest.raises(CheckpointError, match=r"as Keras weights .*: the file is incomplete"):
        read(tmp_path / "a.h5")


def test_a_dtype_hdf5_lacks_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no dtype bfloat16: got it in `x`"):
        write_shard(tmp_path / "a.h5", {"x": np.zeros(2, DTYPES["bfloat16"])})
