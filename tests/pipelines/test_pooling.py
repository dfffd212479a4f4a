"""What sentence-transformers folders say about pooling is read, or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilbert.errors import CheckpointError
from distilbert.pipelines.pooling import read_embedding_options

MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {
        "idx": 2,
        "name": "2",
        "path": "2_Normalize",
        "type": "sentence_transformers.models.Normalize",
    },
]


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(content), encoding="utf-8")


def test_a_plain_folder_says_nothing(tmp_path: Path) -> None:
    assert read_embedding_options(tmp_path, 512) == {}


def test_pooling_length_and_scaling_are_read(tmp_path: Path) -> None:
    write(tmp_path, "modules.json", MODULES)
    flags = {"word_embedding_dimension": 384, "pooling_mode_cls_token": False}
    write(tmp_path, "1_Pooling/config.json", {**flags, "pooling_mode_mean_tokens": True})
    write(tmp_path, "sentence_bert_config.json", {"max_seq_length": 256, "do_lower_case": False})
    expected = {"pooling": "mean", "normalize": True, "max_length": 256}
    assert read_embedding_options(tmp_path, 512) == expected
    assert read_embedding_options(tmp_path, 128)["max_length"] == 128


def test_newer_files_name_the_mode(tmp_path: Path) -> None:
    write(tmp_path, "1_Pooling/config.json", {"pooling_mode": "cls"})
    assert read_embedding_options(tmp_path, 512) == {"pooling": "cls"}


@pytest.mark.parametrize(
    ("flags", "asked"),
    [
        ({"pooling_mode_lasttoken": True}, "lasttoken"),
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "mean, cls"),
        ({"pooling_mode_mean_tokens": False}, "none"),
    ],
)
def test_other_pooling_is_refused_by_name(tmp_path: Path, flags: Any, asked: str) -> None:
    write(tmp_path, "1_Pooling/config.json", flags)
    with pytest.raises(CheckpointError) as caught:
        read_embedding_options(tmp_path, 512)
    path = tmp_path / "1_Pooling" / "config.json"
    assert str(caught.value) == (
        f"Pooling must be one of mean, cls, max: {path} asks for {asked}. Pass `pooling=`."
    )


def test_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "modules.json").write_text("{", encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"^`modules.json` must be a JSON file in UTF-8: "):
        read_embedding_options(tmp_path, 512)
    write(tmp_path, "modules.json", {"a": 1})
    with pytest.raises(CheckpointError) as caught:
        read_embedding_options(tmp_path, 512)
    assert (
        str(caught.value)
        == f"`modules.json` must be a JSON array: {tmp_path / 'modules.json'} holds a dict."
    )
