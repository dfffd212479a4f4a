"""Shard sizes, shard names, and an index that cannot point anywhere else."""

from __future__ import annotations

import json

import pytest

from distilbert.checkpoint import sharding
from distilbert.checkpoint.sharding import (
    WEIGHT_FILES,
    index_text,
    parse_size,
    plan_shards,
    read_index,
    shard_paths,
)
from distilbert.errors import CheckpointError, InputError


@pytest.mark.parametrize(
    ("size", "n_bytes"),
    [
        (8000, 8000),
        ("8000B", 8000),
        ("8KB", 8000),
        ("8 KiB", 8192),
        ("5GB", 5 * 10**9),
        ("200mb", 200 * 10**6),
        ("3MIB", 3 * 2**20),
        ("1TB", 10**12),
    ],
)
def test_sizes_are_read(size, n_bytes):
    assert parse_size(size) == n_bytes


@pytest.mark.parametrize("size", ["", "8", "8.5MB", "KB", "-1KB", "0GB", 0, -5, True, 1.5, None])
def test_other_sizes_are_refused(size):
    with pytest.raises(InputError, match="`max_shard_size` must be a number of bytes or text"):
        parse_size(size)


def test_a_shard_ends_before_the_limit_is_exceeded():
    sizes = {"a": 4, "b": 4, "c": 1, "d": 20, "e": 1}
    assert plan_shards(sizes, 8) == [["a", "b"], ["c"], ["d"], ["e"]]
    assert plan_shards(sizes, 30) == [["a", "b", "c", "d", "e"]]
    assert plan_shards({}, 30) == [[]]


def test_names_are_those_of_the_reference():
    files = WEIGHT_FILES["safetensors"]
    assert files.single() == "model.safetensors"
    assert files.single("fp16") == "model.fp16.safetensors"
    assert files.index() == "model.safetensors.index.json"
    assert files.index("fp16") == "model.safetensors.index.fp16.json"
    assert files.shard(1, 3) == "model-00001-of-00003.safetensors"
    assert WEIGHT_FILES["bin"].shard(2, 3) == "pytorch_model-00002-of-00003.bin"


def test_only_files_of_the_format_are_found(tmp_path):
    mine = ["model-00001-of-00002.safetensors", "model.safetensors", "model.safetensors.index.json"]
    others = ["model-1-of-2.safetensors", "my_model.safetensors", "model.fp16.safetensors", "x.bin"]
    for name in (*mine, *others):
        (tmp_path / name).touch()
    assert WEIGHT_FILES["safetensors"].present(tmp_path) == mine
    assert WEIGHT_FILES["safetensors"].present(tmp_path, "fp16") == ["model.fp16.safetensors"]


def test_an_index_is_sorted_and_indented():
    assert index_text(3, {"b": "f", "a": "f"}) == (
        '{\n  "metadata": {\n    "total_size": 3\n  },\n'
        '  "weight_map": {\n    "a": "f",\n    "b": "f"\n  }\n}\n'
    )


@pytest.mark.parametrize(
    "file",
    [
        "../secret.bin",
        "/etc/secret.bin",
        "sub/secret.bin",
        "..\\secret.bin",
        "C:secret.bin",
        "a\0.bin",
        "a\n.bin",
        "..",
        ".",
        "",
        "model.safetensors",
        "config.json",
        1,
        None,
        ["a.bin"],
    ],
)
def test_an_index_cannot_point_elsewhere(tmp_path, file):
    (tmp_path / "secret.bin").touch()
    folder = tmp_path / "model"
    folder.mkdir()
    path = folder / "pytorch_model.bin.index.json"
    path.write_text(json.dumps({"weight_map": {"x": file}}))
    with pytest.raises(CheckpointError, match=r"may only name \.bin files in its own .*`x`"):
        read_index(path, ".bin")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "must be a JSON file"),
        ("[" * 100_000, "must be a JSON file"),
        ("[]", "must be a JSON object"),
        ("{}", "must hold a `weight_map`"),
        ('{"weight_map": []}', "must hold a `weight_map`"),
        ('{"weight_map": {}}', "must hold a `weight_map`"),
    ],
)
def test_damaged_indexes_are_refused(tmp_path, text, error):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(CheckpointError, match=error):
        read_index(tmp_path / "index.json", ".bin")


def test_every_shard_of_an_index_must_exist(tmp_path):
    (tmp_path / "c.bin").touch()
    assert shard_paths(tmp_path, {"x": "c.bin", "y": "c.bin"}) == [tmp_path / "c.bin"]
    with pytest.raises(CheckpointError, match=r"lacks a\.bin, b\.bin"):
        shard_paths(tmp_path, {"x": "b.bin", "y": "a.bin", "z": "c.bin"})


def test_a_huge_index_is_not_read(tmp_path, monkeypatch):
    (tmp_path / "index.json").write_text("{}" + " " * 100)
    monkeypatch.setattr(sharding, "MAX_INDEX_BYTES", 50)
    with pytest.raises(CheckpointError, match=r"at most 50 bytes: .* has 102"):
        read_index(tmp_path / "index.json", ".bin")
