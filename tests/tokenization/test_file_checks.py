"""Files of tokenizers with values of other types are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilbert.errors import CheckpointError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.file_checks import MAX_ID, check_ids
from distilbert.tokenization.slow import DistilBertTokenizer

TOKEN = {"content": "[X]", "special": True}


@pytest.fixture(params=[DistilBertTokenizer, DistilBertTokenizerFast])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


def folder_with(folder: Path, name: str, content: Any) -> Path:
    (folder / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    if name == "tokenizer.json":
        DistilBertTokenizerFast.from_pretrained(folder).save_pretrained(folder)
        content = {**json.loads((folder / name).read_text()), **content}
    (folder / name).write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("file", "content", "text"),
    [
        ("tokenizer_config.json", {"do_lower_case": "yes"}, "do_lower_case must be true, false"),
        ("tokenizer_config.json", {"never_split": [1]}, "never_split must be a list of texts"),
        ("tokenizer_config.json", {"cls_token": 5}, "cls_token must be a token"),
        ("tokenizer_config.json", {"cls_token": {"content": 5}}, "cls_token must be a token"),
        ("tokenizer_config.json", {"additional_special_tokens": 5}, "must be a list of tokens"),
        ("tokenizer_config.json", {"added_tokens_decoder": []}, "must be an object"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"x": TOKEN}}, "must be ids from 0"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"9" * 9: TOKEN}}, "must be ids from"),
        ("tokenizer_config.json", {"added_tokens_decoder": {"7": "[X]"}}, "objects with `content`"),
        ("tokenizer_config.json", {"self": 1}, "must not have the setting `self`"),
        ("tokenizer_config.json", {"vocab": "/etc/passwd"}, "must not have the setting `vocab`"),
        ("special_tokens_map.json", {"pad_token": [1]}, "pad_token must be a token"),
        ("added_tokens.json", {"a": "1"}, "the ids of tokens must be integers from 0 to"),
        ("tokenizer.json", {"model": {"vocab": {"a": 2**31}}}, "the ids of tokens must be"),
        ("tokenizer.json", {"model": []}, "."),
        ("tokenizer.json", {"model": [1]}, "model must be an object"),
        ("tokenizer.json", {"normalizer": "x"}, "normalizer must be an object"),
        ("tokenizer.json", {"normalizer": {"lowercase": 1}}, "normalizer.lowercase must be true"),
        ("tokenizer.json", {"added_tokens": {"a": 1}}, "added_tokens must be a list"),
        ("tokenizer.json", {"added_tokens": [TOKEN]}, "the ids of tokens must be"),
    ],
)
def test_other_types_are_refused(
    tmp_path: Path, kind: Any, file: str, content: Any, text: str
) -> None:
    folder = folder_with(tmp_path, file, content)
    if text == "." and kind is DistilBertTokenizer:
        return  # its vocabulary is in the other file
    with pytest.raises(CheckpointError, match=text):
        kind.from_pretrained(folder)


def test_null_leaves_a_setting_out(tmp_path: Path, kind: Any) -> None:
    nothing = {"do_lower_case": None, "clean_text": None, "additional_special_tokens": None}
    folder_with(tmp_path, "tokenizer_config.json", {**nothing, "strip_accents": None})
    assert kind.from_pretrained(tmp_path)("A").input_ids == [2, 5, 3]


def test_settings_that_transformers_5_writes_are_read(tmp_path: Path, kind: Any) -> None:
    written = {"backend": "tokenizers", "is_local": True, "local_files_only": False}
    written |= {"model_max_length": 10**30, "do_lower_case": True, "strip_accents": None}
    written |= {"tokenizer_class": "DistilBertTokenizer", "extra_special_tokens": {}}
    folder_with(tmp_path, "tokenizer_config.json", written)
    assert kind.from_pretrained(tmp_path)("A").input_ids == [2, 5, 3]


def test_ids_are_rows_of_a_table() -> None:
    check_ids([], Path("a"))
    check_ids(range(MAX_ID + 1), Path("a"))
    for wrong in (-1, True, "1", MAX_ID + 1, None):
        with pytest.raises(CheckpointError, match="the ids of tokens must be integers"):
            check_ids([0, wrong], Path("a"))


def test_a_vocabulary_that_contradicts_tokenizer_json_is_refused(tmp_path: Path, kind: Any) -> None:
    folder_with(tmp_path, "tokenizer.json", {})
    assert kind.from_pretrained(tmp_path)("a").input_ids == [2, 5, 3]
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nb\na\n")
    with pytest.raises(CheckpointError, match=r"'a' has the id 5 in .*tokenizer\.json, and 6 in"):
        kind.from_pretrained(tmp_path)


LOWER = {"type": "Lowercase"}


@pytest.mark.parametrize(
    "normalizer",
    [
        {"type": "Sequence", "normalizers": [{"type": "NFC"}, LOWER]},
        {"type": "Replace", "pattern": {"String": "B"}, "content": "a"},
        {"type": "Prepend", "prepend": " "},
    ],
    ids=lambda one: one["type"],
)
def test_normalizers_of_other_kinds_are_kept(tmp_path: Path, normalizer: Any) -> None:
    folder_with(tmp_path, "tokenizer.json", {"normalizer": normalizer})
    tokenizer = DistilBertTokenizerFast.from_pretrained(tmp_path)
    text = {"Sequence": "A", "Replace": "B", "Prepend": "a"}[normalizer["type"]]
    assert tokenizer(text).input_ids == [2, 5, 3]


@pytest.mark.parametrize("wrong", [{"normalizers": [LOWER]}, {"type": "Sequence"}, {"type": [1]}])
def test_normalizers_that_the_library_does_not_know_are_refused(tmp_path: Path, wrong: Any) -> None:
    folder_with(tmp_path, "tokenizer.json", {"normalizer": wrong})
    with pytest.raises(CheckpointError):
        DistilBertTokenizerFast.from_pretrained(tmp_path)
