"""JSON files: what is refused, with which words."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError
from distilbert.json_files import parse_json, read_json, read_optional_json
from distilbert.tokenization.vocab import load_vocab


def test_objects_and_arrays_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "é"}', encoding="utf-8")
    assert read_json(str(path)) == read_optional_json(path) == {"a": "é"}
    path.write_text("[1]")
    assert read_json(path, list) == [1]
    assert read_optional_json(tmp_path / "b.json") == {}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_what_is_not_json_is_an_os_error_that_names_the_file(tmp_path: Path, content: bytes):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(OSError, match=r"`a\.json` must be a JSON file in UTF-8: .*a\.json is not"):
        read_json(path)


def test_another_kind_of_value_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[1]")
    with pytest.raises(CheckpointError) as caught:
        read_json(path)
    assert str(caught.value) == f"`a.json` must be a JSON object: {path} holds a list."
    path.write_text("{}")
    with pytest.raises(CheckpointError, match=r"must be a JSON array: .* holds a dict"):
        read_json(path, list)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "a.json", tmp_path, tmp_path / "a.json" / "b"):
        with pytest.raises(CheckpointError, match=f"must hold a file `{path.name}`: found none at"):
            read_json(path)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}" + " " * 100)
    with pytest.raises(CheckpointError, match=r"`a\.json` must have at most 50 bytes: .* has 102"):
        read_json(path, max_bytes=50)
    assert read_json(path, max_bytes=102) == {}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with a name")
@pytest.mark.parametrize("read", [read_json, load_vocab, DistilBertConfig.from_json_file])
def test_what_has_no_end_is_not_read(tmp_path: Path, read: Any) -> None:
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    for name in ("zero", "pipe"):
        with pytest.raises(CheckpointError, match=f"{name}.*it is a device or a pipe"):
            read(tmp_path / name)


def test_a_file_that_grows_is_not_read_beyond_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    before = path.stat()
    path.write_text("{}" + " " * 100)
    monkeypatch.setattr(Path, "stat", lambda *_, **__: before)
    with pytest.raises(CheckpointError, match=r"must have at most 50 bytes: .* has 51\."):
        read_json(path, max_bytes=50)


def test_a_link_to_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "blob").write_text('{"a": 1}')
    (tmp_path / "a.json").symlink_to("blob")
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "a.json") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[" * 66 + "]" * 66, "deeper than 64 objects and arrays"),
        ('{"a":' * 900 + "1" + "}" * 900, "deeper than 64"),
        ("[" * 10**6, "deeper than 64"),
        ("9" * 41, "more than 40 digits"),
        (f'[{{"a": 1, "b": -{"9" * 41}}}]', "more than 40 digits"),
        ("9" * 5000, "digits"),
        (r'{"a": "\ud83d"}', "half a character"),
        (r'{"\uDE00": 1}', "half a character"),
        ("{'a': 1}", "Expecting property name"),
    ],
    ids=range(9),
)
def test_values_have_limits(text, fault):
    with pytest.raises(ValueError, match=fault):
        parse_json(text)


def test_what_is_within_the_limits_is_read():
    assert parse_json("[" * 64 + "]" * 64)
    assert parse_json(str(int(1e30))) == int(1e30)
    assert parse_json(r'"\ud83d\ude00"') == "\U0001f600"
    assert parse_json("[1, -2.5, null, true]") == [1, -2.5, None, True]


def test_names_may_have_to_be_unique():
    text = '{"a": {"b": 1, "c": 2, "b": 3}}'
    assert parse_json(text) == {"a": {"b": 3, "c": 2}}
    with pytest.raises(ValueError, match="the name 'b' occurs twice"):
        parse_json(text, unique_names=True)
