"""The content of sources: moved files keep it; edited ones, other formats and orders do not."""

from __future__ import annotations

import gzip
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from distilbert.data.contents import contents_of, states_of
from distilbert.errors import DataError
from distilbert.training.run_card import DataSection


def contents(*sources: Path | str, **options: Any) -> list[tuple[str, ...]]:
    data = DataSection().model_copy(update=options)
    return list(contents_of([str(source) for source in sources], data))


def test_content_and_format_count_and_names_do_not(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    a, moved, jsonl = tmp_path / "a.txt", tmp_path / "sub" / "b.text", tmp_path / "c.jsonl"
    for path in (a, moved, jsonl):
        path.write_text("hello\n")
    before = contents(a)
    assert contents(moved) == contents(str(tmp_path / "a*")) == before
    assert contents(jsonl, data_format="text") == before != contents(jsonl)
    a.write_text("hallo\n")
    assert contents(a) != before
    assert contents(a, moved) == contents(moved, a)[::-1] != contents(moved, a)


def test_a_compressed_file_is_not_the_same_as_one_with_these_bytes(tmp_path: Path) -> None:
    for name in ("a.txt", "a.txt.gz"):
        (tmp_path / name).write_bytes(gzip.compress(b"hello\n"))
    assert contents(tmp_path / "a.txt") != contents(tmp_path / "a.txt.gz")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a file that exists"):
        contents(tmp_path / "a.txt")


def test_a_data_set_of_the_hub_is_hashed_by_its_files_or_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Rows(list[dict[str, str]]):
        cache_files: Any = ()

    held = Rows([{"text": "a"}])
    module = ModuleType("datasets")
    module.load_dataset = lambda *_, split: held  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", module)
    ((name, of_rows),) = contents("hub:a/b:train")
    assert name == "hub:a/b:train"
    assert contents("hub:a/b:test")[0] == ("hub:a/b:test", of_rows)
    held.append({"text": "b"})
    assert contents("hub:a/b:train") != [(name, of_rows)]
    (tmp_path / "cache.arrow").write_bytes(b"rows")
    held.cache_files = [{"filename": str(tmp_path / "cache.arrow")}]
    of_files = contents("hub:a/b:train")
    held.clear()
    assert contents("hub:a/b:train") == of_files
    assert states_of(["hub:a/b:train"]) == []


def test_the_state_of_a_file_shows_that_it_changed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("hello\n")
    before = states_of([str(path)])
    assert states_of([str(path)]) == before
    os.utime(path, ns=(1, 1))
    assert states_of([str(path)]) != before
