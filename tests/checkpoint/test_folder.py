"""Folders of weights: the same numbers in every format, and never half a folder."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from distilbert.checkpoint import atomic, format_bin, format_safetensors
from distilbert.checkpoint.folder import open_checkpoint, save_checkpoint
from distilbert.checkpoint.init import sinusoid_table
from distilbert.checkpoint.mapped import DTYPES
from distilbert.checkpoint.matching import match_parameters
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError

ALL = tuple(WEIGHT_FILES)
WAYS = [
    ("safetensors", "pt"),
    ("safetensors", "tf"),
    ("safetensors", "flax"),
    ("bin", "pt"),
    ("h5", "tf"),
    ("msgpack", "flax"),
]
SAVED = {"native": {"pt": "bin", "tf": "h5", "flax": "msgpack"}}
INDEX = {
    "pt_safetensors_sharded": ("safetensors", "model.safetensors.index.json"),
    "pt_bin_sharded": ("bin", "pytorch_model.bin.index.json"),
    "tf_h5_sharded": ("h5", "tf_model.h5.index.json"),
    "flax_msgpack_sharded": ("msgpack", "flax_model.msgpack.index.json"),
}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def assert_equal(folder: Path, recorded) -> None:
    """The folder holds the recorded numbers, bit for bit, and nothing else."""
    found, report = match_parameters(
        open_checkpoint(folder, formats=ALL), recorded.config, recorded.head
    )
    assert report.verdict() == "Complete: every parameter came from the checkpoint."
    assert found.keys() == recorded.arrays.keys()
    for name, array in recorded.arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()


def test_every_recorded_format_holds_the_same_numbers(recorded):
    folders = sorted(recorded.formats.iterdir())
    assert len(folders) >= 4
    for folder in folders:
        assert_equal(folder, recorded)


@pytest.mark.parametrize("max_shard_size", ["5GB", "8KB"])
@pytest.mark.parametrize(("format", "flavour"), WAYS)
def test_every_format_comes_back_bit_for_bit(tmp_path, recorded, format, flavour, max_shard_size):
    files = save_checkpoint(
        tmp_path / "model",
        recorded.arrays,
        recorded.config,
        head=recorded.head,
        format=format,
        flavour=flavour,
        max_shard_size=max_shard_size,
    )
    assert sorted(path.name for path in files) == names(tmp_path / "model")
    assert names(tmp_path) == ["model"]
    assert_equal(tmp_path / "model", recorded)
    checkpoint = open_checkpoint(tmp_path / "model", formats=ALL)
    assert (checkpoint.format, checkpoint.flavour) == (format, flavour)
    assert len(checkpoint.files) == (1 if max_shard_size == "5GB" else len(files) - 2)


@pytest.mark.parametrize("flavour", ["pt", "tf", "flax"])
@pytest.mark.parametrize("kind", ["native", "safe"])
def test_saved_files_are_the_recorded_ones(tmp_path, golden, recorded, flavour, kind):
    saved = json.loads((golden / "api.json").read_text())["saved"]
    expected = saved[f"{flavour}/{recorded.folder.name}/{kind}"]
    format = SAVED["native"][flavour] if kind == "native" else "safetensors"
    save_checkpoint(
        tmp_path,
        recorded.arrays,
        recorded.config,
        head=recorded.head,
        format=format,
        flavour=flavour,
    )
    assert names(tmp_path) == expected["files"]
    config = json.loads((tmp_path / "config.json").read_text())
    assert config.pop("transformers_version") == "4.37.2"
    assert config == expected["config"]
    if kind == "safe":
        arrays, metadata = format_safetensors.read(tmp_path / "model.safetensors")
        assert metadata == expected["meta"]
        assert {name: list(array.shape) for name, array in arrays.items()} == expected["keys"]


@pytest.mark.parametrize("folder", INDEX)
def test_indexes_and_shards_are_the_recorded_ones(tmp_path, masked_lm, folder):
    format, index = INDEX[folder]
    save_checkpoint(
        tmp_path,
        masked_lm.arrays,
        masked_lm.config,
        head="masked_lm",
        format=format,
        max_shard_size="8KB",
    )
    expected = masked_lm.formats / folder
    assert names(tmp_path) == names(expected)
    # Keras numbers models that share a process; ours is always the first.
    text = (expected / index).read_text().replace("masked_lm_1/", "masked_lm/")
    assert json.loads((tmp_path / index).read_text()) == json.loads(text)


def test_tied_weights_are_in_bin_files_only(tmp_path, masked_lm):
    for format in ALL:
        folder = tmp_path / format
        save_checkpoint(folder, masked_lm.arrays, masked_lm.config, head="masked_lm", format=format)
        checkpoint = open_checkpoint(folder, formats=ALL)
        assert ("vocab_projector.weight" in checkpoint) == (format == "bin")


def test_untied_weights_survive_every_format(tmp_path, masked_lm):
    config = DistilBertConfig(**{**masked_lm.config.to_dict(), "tie_word_embeddings": False})
    projector = np.arange(41 * 16, dtype=np.float32).reshape(41, 16)
    arrays = {**masked_lm.arrays, "vocab_projector.weight": projector}
    for format, flavour in WAYS:
        folder = tmp_path / f"{format}-{flavour}"
        save_checkpoint(folder, arrays, config, head="masked_lm", format=format, flavour=flavour)
        found, report = match_parameters(open_checkpoint(folder, formats=ALL), config, "masked_lm")
        assert report.verdict().startswith("Complete: every")
        assert np.array_equal(found["vocab_projector.weight"], projector)


def test_the_config_names_class_and_dtype_and_the_callers_stays(tmp_path, base):
    config = DistilBertConfig(**base.config.to_dict())
    before = config.to_dict()
    half = {name: array.astype(DTYPES["bfloat16"]) for name, array in base.arrays.items()}
    save_checkpoint(tmp_path, half, config, head="base")
    saved = DistilBertConfig.from_pretrained(tmp_path)
    assert saved.dtype_name == "bfloat16"
    assert saved.architectures == ["DistilBertModel"]
    assert config.to_dict() == before
    assert open_checkpoint(tmp_path)["embeddings.LayerNorm.bias"].dtype == DTYPES["bfloat16"]


def test_flax_files_leave_out_a_sinusoid_table(tmp_path, base):
    config = DistilBertConfig(**{**base.config.to_dict(), "sinusoidal_pos_embds": True})
    name = "embeddings.position_embeddings.weight"
    for table, kept in ((sinusoid_table(16, 16), False), (np.ones((16, 16), np.float32), True)):
        folder = tmp_path / str(kept)
        save_checkpoint(folder, {**base.arrays, name: table}, config, head="base", format="msgpack")
        assert (name in open_checkpoint(folder, formats=["msgpack"])) == kept


def test_old_names_are_read(golden, masked_lm):
    checkpoint = open_checkpoint(golden / "ckpt" / "V" / "mlm_legacy")
    assert not [name for name in checkpoint if "gamma" in name or "position_ids" in name]
    found, report = match_parameters(checkpoint, masked_lm.config, "masked_lm")
    assert found.keys() == masked_lm.arrays.keys()
    assert report.unexpected_keys == []


def test_pruned_models_are_read(golden):
    folder = golden / "ckpt" / "V" / "seq_pruned"
    config = DistilBertConfig.from_pretrained(folder)
    _, report = match_parameters(open_checkpoint(folder), config, "sequence_classification")
    assert report.verdict().startswith("Complete: every")


def test_a_checkpoint_is_a_private_mapping(base):
    checkpoint = open_checkpoint(base.folder)
    assert len(checkpoint) == len(list(checkpoint)) == 36
    checkpoint["embeddings.LayerNorm.bias"][:] = 7
    assert open_checkpoint(base.folder)["embeddings.LayerNorm.bias"][0] != 7
    assert "36 tensors, safetensors/pt" in repr(checkpoint)
    assert checkpoint.folder == base.folder


# --- what is found ----------------------------------------------------------------------------


def test_the_first_format_wins_and_one_file_before_several(tmp_path, base):
    def save(value, **options):
        arrays = {name: np.full_like(array, value) for name, array in base.arrays.items()}
        save_checkpoint(tmp_path / str(value), arrays, base.config, head="base", **options)

    save(1, format="bin")
    save(2, max_shard_size="8KB")
    save(3)
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    for value in (1, 2, 3):
        for path in (tmp_path / str(value)).iterdir():
            (mixed / path.name).write_bytes(path.read_bytes())
        checkpoint = open_checkpoint(mixed)
        assert checkpoint["embeddings.LayerNorm.bias"][0] == value
    assert open_checkpoint(mixed, formats=["bin"])["embeddings.LayerNorm.bias"][0] == 1


@pytest.mark.parametrize(
    ("format", "keyword"), [("h5", "from_tf=True"), ("msgpack", "from_flax=True")]
)
def test_other_formats_are_pointed_out(tmp_path, base, format, keyword):
    save_checkpoint(tmp_path, base.arrays, base.config, head="base", format=format)
    with pytest.raises(
        OSError, match=rf"has none\. It has .*: pass {keyword} to read it"
    ) as caught:
        open_checkpoint(tmp_path)
    assert "one of model.safetensors, model.safetensors.index.json, pytorch_model.bin" in str(
        caught.value
    )


def test_bin_only_is_refused_where_bin_is_not_wanted(tmp_path, base):
    save_checkpoint(tmp_path, base.arrays, base.config, head="base", format="bin")
    with pytest.raises(CheckpointError, match="pass from_pt=True"):
        open_checkpoint(tmp_path, formats=["safetensors", "h5"])


def test_variants_are_files_of_their_own(tmp_path, base):
    save_checkpoint(tmp_path, base.arrays, base.config, head="base")
    with pytest.raises(CheckpointError, match=r"It has model\.safetensors: leave out `variant`"):
        open_checkpoint(tmp_path, variant="fp16")
    for size in ("5GB", "8KB"):
        save_checkpoint(
            tmp_path, base.arrays, base.config, head="base", variant="fp16", max_shard_size=size
        )
        assert len(open_checkpoint(tmp_path, variant="fp16")) == 36
    assert "model.safetensors.index.fp16.json" in names(tmp_path)
    assert "model.fp16.safetensors" not in names(tmp_path)
    assert "model.safetensors" in names(tmp_path)


def test_a_missing_folder_and_an_empty_one_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match="must be a folder"):
        open_checkpoint(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="has none"):
        open_checkpoint(tmp_path)


def test_safetensors_must_not_name_another_framework(tmp_path, base):
    format_safetensors.write(tmp_path / "model.safetensors", base.arrays, {"format": "np"})
    with pytest.raises(CheckpointError, match="safetensors file must name its framework"):
        open_checkpoint(tmp_path)


@pytest.mark.parametrize("flavour", ["pt", "tf", "flax"])
def test_safetensors_without_metadata_are_recognized_by_their_names(tmp_path, masked_lm, flavour):
    config, arrays = masked_lm.config, masked_lm.arrays
    save_checkpoint(tmp_path, arrays, config, head="masked_lm", flavour=flavour)
    path = tmp_path / "model.safetensors"
    tensors, _ = format_safetensors.read(path)
    tensors = {name: tensor.copy() for name, tensor in tensors.items()}
    format_safetensors.write(path, tensors, {})
    read = open_checkpoint(tmp_path)
    assert read.flavour == flavour
    assert set(read) == set(arrays)
    assert all(np.array_equal(read[name], array) for name, array in arrays.items())


def sharded(tmp_path, shards, weight_map, flavours=("pt", "pt")):
    for number, (arrays, flavour) in enumerate(zip(shards, flavours, strict=True), start=1):
        name = f"model-0000{number}-of-00002.safetensors"
        format_safetensors.write(tmp_path / name, arrays, {"format": flavour})
    files = {name: f"model-0000{n}-of-00002.safetensors" for name, n in weight_map.items()}
    index = json.dumps({"metadata": {}, "weight_map": files})
    (tmp_path / "model.safetensors.index.json").write_text(index)


def test_shards_must_agree_with_their_index_and_each_other(tmp_path):
    one, two = {"a": np.ones(1)}, {"b": np.ones(1)}
    sharded(tmp_path, [one, two], {"a": 1, "b": 2})
    assert set(open_checkpoint(tmp_path)) == {"a", "b"}
    sharded(tmp_path, [one, two], {"a": 1, "b": 2, "c": 2})
    with pytest.raises(CheckpointError, match=r"must hold what their index lists: .* lacks c\."):
        open_checkpoint(tmp_path)
    sharded(tmp_path, [one, {**one, **two}], {"a": 1, "b": 2})
    with pytest.raises(CheckpointError, match=r"Shards must not overlap: .* repeats a"):
        open_checkpoint(tmp_path)
    sharded(tmp_path, [one, two], {"a": 1, "b": 2}, flavours=("pt", "tf"))
    with pytest.raises(CheckpointError, match="must be of one framework"):
        open_checkpoint(tmp_path)


# --- writing ----------------------------------------------------------------------------------


def test_stale_files_go_and_other_files_stay(tmp_path, base):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "vocab.txt").write_text("mine")
    save_checkpoint(tmp_path, base.arrays, base.config, head="base", max_shard_size="4KB")
    many = names(tmp_path)
    save_checkpoint(tmp_path, base.arrays, base.config, head="base", max_shard_size="8KB")
    assert len(many) > len(names(tmp_path))
    assert_equal(tmp_path, base)
    save_checkpoint(tmp_path, base.arrays, base.config, head="base")
    assert names(tmp_path) == ["config.json", "model.safetensors", "notes.txt", "vocab.txt"]
    save_checkpoint(tmp_path, base.arrays, base.config, head="base", max_shard_size="8KB")
    assert "model.safetensors" not in names(tmp_path)


def test_a_checkpoint_can_be_saved_onto_itself(tmp_path, base):
    for format in ALL:
        folder = tmp_path / format
        save_checkpoint(folder, base.arrays, base.config, head="base", format=format)
        checkpoint = open_checkpoint(folder, formats=[format])
        checkpoint = match_parameters(checkpoint, base.config, "base")[0]
        save_checkpoint(folder, checkpoint, base.config, head="base", format=format)
        assert_equal(folder, base)


def test_more_files_appear_with_the_weights(tmp_path, base):
    extra = {"vocab.txt": b"[PAD]", "1_Pooling/config.json": b"{}"}
    written = save_checkpoint(tmp_path, base.arrays, base.config, head="base", extra_files=extra)
    assert tmp_path / "1_Pooling" / "config.json" in written
    assert (tmp_path / "1_Pooling" / "config.json").read_bytes() == b"{}"
    assert (tmp_path / "vocab.txt").read_bytes() == b"[PAD]"


@pytest.mark.parametrize("format", ALL)
@pytest.mark.parametrize("step", ["write", "flush", "rename"])
def test_a_full_disk_leaves_the_old_folder(tmp_path, base, monkeypatch, format, step):
    (tmp_path / "notes.txt").write_text("mine")
    options = {"head": "base", "format": format, "max_shard_size": "8KB"}
    save_checkpoint(tmp_path, base.arrays, base.config, **options)
    before = contents(tmp_path)
    calls = []

    def full(*_):
        calls.append(1)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")

    place = {"write": (Path, "write_bytes"), "flush": (atomic.os, "fsync")}
    owner, name = place.get(step, (atomic.os, "replace"))
    real = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *a: (full(), real(*a))[1])
    if step == "write":
        calls.append(1)  # the index and the config are written at once
    zeros = {name: np.zeros_like(array) for name, array in base.arrays.items()}
    with pytest.raises(OSError, match="No space left"):
        save_checkpoint(tmp_path, zeros, base.config, **options)
    monkeypatch.undo()
    assert contents(tmp_path) == before


def test_weights_left_behind_that_would_be_read_first_are_named(tmp_path, base):
    save_checkpoint(tmp_path, base.arrays, base.config, head="base")
    with pytest.warns(UserWarning, match=r"also holds model\.safetensors, which is read before"):
        save_checkpoint(tmp_path, base.arrays, base.config, head="base", format="bin")
    assert format_bin.read(tmp_path / "pytorch_model.bin")


def test_unknown_choices_are_refused(tmp_path, base):
    def save(**options):
        save_checkpoint(tmp_path / "x", base.arrays, base.config, head="base", **options)

    with pytest.raises(InputError, match="`format` must be one of safetensors, bin, h5, msgpack"):
        save(format="onnx")
    with pytest.raises(InputError, match="`flavour` must be tf for format 'h5': got 'pt'"):
        save(format="h5", flavour="pt")
    with pytest.raises(InputError, match="`flavour` must be pt, tf or flax"):
        save(flavour="mlx")
    with pytest.raises(CheckpointError, match="The tf layout only holds parameters of this model"):
        save_checkpoint(
            tmp_path / "x", {"new.weight": np.ones(1)}, base.config, head="base", format="h5"
        )
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError, match="must be saved to a folder: got the file"):
        save_checkpoint(tmp_path / "file", base.arrays, base.config, head="base")
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["/a.json", "../a.json", "x" * 300])
def test_no_file_is_written_outside_of_the_folder(tmp_path, base, name):
    with pytest.raises(CheckpointError, match="must be written into the folder"):
        save_checkpoint(
            tmp_path / "a", base.arrays, base.config, head="base", extra_files={name: b""}
        )
    assert not list(tmp_path.iterdir())
