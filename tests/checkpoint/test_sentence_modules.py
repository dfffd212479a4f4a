"""The files of sentence-transformers folders: read, or refused when they point elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from distilbert.checkpoint.sentence_modules import (
    module_kind,
    read_embedding_options,
    read_modules,
    transformer_folder,
)
from distilbert.errors import CheckpointError


def test_the_transformer_is_in_the_folder_that_is_named_first(tmp_path: Path) -> None:
    modules = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}, {}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    assert transformer_folder(tmp_path) == tmp_path / "0_Transformer"
    assert [module_kind(module) for module in read_modules(tmp_path)] == ["Transformer", ""]
    (tmp_path / "config.json").touch()
    assert transformer_folder(tmp_path) == tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{}",
        "[1]",
        '[{"path": "../up"}]',
        '[{"path": "/up"}]',
        '[{"path": "..\\\\up"}]',
        '[{"path": "C:up"}]',
        '[{"path": 1}]',
    ],
)
def test_a_broken_or_escaping_module_list_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "modules.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"`modules\.json` must"):
        transformer_folder(tmp_path)


def test_without_modules_the_folder_is_its_own(tmp_path: Path) -> None:
    assert read_modules(tmp_path) == []
    assert transformer_folder(tmp_path) == tmp_path
    shutil.rmtree(tmp_path)
    assert transformer_folder(tmp_path) == tmp_path


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
