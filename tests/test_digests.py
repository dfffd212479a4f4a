"""Hashes follow contents and names, not places."""

from __future__ import annotations

import hashlib
from pathlib import Path

from distilbert.digests import digest, file_sha256, files_digest


def test_a_file_is_hashed_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert file_sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_values_are_hashed_in_their_order() -> None:
    assert digest([1, "a"]) == digest((1, "a"))
    assert len({digest(parts) for parts in ([1, "a"], ["a", 1], ["1", "a"], ["1a"], [])}) == 5
    assert digest(["\ud800"]) != digest(["?"])


def test_files_are_hashed_by_name_and_content(tmp_path: Path) -> None:
    for folder, name, content in (("x", "a", "1"), ("y", "a", "1"), ("x", "b", "1")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text(content)
    one = files_digest([tmp_path / "x" / "a"])
    assert files_digest([tmp_path / "y" / "a", tmp_path / "missing"]) == one
    assert files_digest([tmp_path / "x" / "b"]) != one
