"""A git-LFS pointer in the place of a file is named, in whatever file it is found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilbert.checkpoint.folder import open_checkpoint
from distilbert.errors import CheckpointError
from distilbert.git_lfs import refuse_pointer
from distilbert.json_files import read_json
from distilbert.tokenization.vocab import load_vocab

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:0a1b\nsize 267954768\n"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("vocab.txt", load_vocab),
        ("tokenizer.json", read_json),
        ("model.safetensors", lambda path: open_checkpoint(path.parent)),
        ("pytorch_model.bin", lambda path: open_checkpoint(path.parent)),
    ],
)
def test_every_reader_names_a_pointer(name, read, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "distilbert"}))
    (tmp_path / name).write_text(POINTER)
    with pytest.raises(CheckpointError, match=rf"{name} is a git-LFS pointer.* `git lfs pull`"):
        read(tmp_path / name)


def test_data_and_missing_files_are_left_to_their_readers(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("version 1")
    for name in ("a", "nowhere", "."):
        refuse_pointer(tmp_path / name)
