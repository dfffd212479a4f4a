"""The file config.json: which files are refused, and which fields are omitted."""

from __future__ import annotations

import pytest

from distilbert.config import DistilBertConfig
from distilbert.config_file import GENERIC_DEFAULTS, has_json, without_defaults
from distilbert.errors import CheckpointError


def test_missing_and_broken_files_are_os_errors_that_name_the_file(tmp_path):
    with pytest.raises(CheckpointError, match="found none at"):
        DistilBertConfig.from_pretrained(tmp_path)
    path = tmp_path / "config.json"
    for content in (b"{", b"\xff\xfe\x00", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(OSError, match="must be a JSON file"):
            DistilBertConfig.from_pretrained(tmp_path)
    path.write_text("[1]")
    with pytest.raises(OSError, match="must be a JSON object"):
        DistilBertConfig.from_json_file(path)
    with pytest.raises(OSError, match="`save_directory` must be a folder"):
        DistilBertConfig().save_pretrained(path)


def test_only_generic_defaults_are_left_out():
    data = {**GENERIC_DEFAULTS, "dim": 768, "id2label": {0: "LABEL_0", 1: "LABEL_1"}}
    assert without_defaults(data) == {"dim": 768}
    assert without_defaults({"return_dict": False}) == {"return_dict": False}


def test_a_value_has_a_json_form_or_not():
    assert has_json({"a": [1, None]})
    assert not has_json(abs)
