"""`modules.json` of sentence-transformers folders: read, or refused when it points elsewhere."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from distilbert.checkpoint.sentence_modules import module_kind, read_modules, transformer_folder
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
