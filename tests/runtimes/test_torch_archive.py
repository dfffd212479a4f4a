"""PyTorch's archives, read so that PyTorch cannot find something else in them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from distilbert.errors import CheckpointError
from distilbert.runtimes import torch_archive
from distilbert.runtimes.torch_archive import Unreadable, open_archive

KIND = "A file"


def written(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"of " + name.encode())
    return path


def test_entries_are_found_by_their_names_in_the_folder_of_all(tmp_path: Path) -> None:
    with open_archive(written(tmp_path / "m", "m/a", "m/b/c"), KIND) as entries:
        assert list(entries) == ["a", "b/c"]
        assert (entries["b/c"], len(entries)) == (b"of m/b/c", 2)


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["m/a", "m/A"], "a name occurs twice"),
        (["m/a", "n/b"], "not in one folder"),
        (["a"], "not in one folder"),
        ([], "not in one folder"),
        (["m/b"], "There is no item named 'm/a'"),
    ],
)
def test_another_archive_is_one_sentence(tmp_path: Path, names: list[str], text: str) -> None:
    path = written(tmp_path / "m", *names)
    with pytest.raises(CheckpointError, match=text), open_archive(path, KIND) as entries:
        assert entries["a"]


def test_a_missing_file_and_another_kind_of_file_are_named(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"\x80\x02}.")
    for name, text in (("m", "damaged or another kind of file"), ("n", "must be readable")):
        with pytest.raises(CheckpointError, match=text), open_archive(tmp_path / name, KIND):
            pass


def test_entries_are_unpacked_up_to_a_limit(tmp_path: Path) -> None:
    for method, n_bytes in ((zipfile.ZIP_LZMA, 9), (zipfile.ZIP_DEFLATED, torch_archive.MAX_BYTES)):
        with zipfile.ZipFile(tmp_path / "m", "w", method) as file:
            file.writestr("m/a", bytes(n_bytes + 1))
        with open_archive(tmp_path / "m", KIND) as entries:
            assert "a" in entries
            with pytest.raises(Unreadable, match="the entry 'a' has more than"):
                entries["a"]


def test_tensors_have_any_size_and_are_never_unpacked(tmp_path: Path) -> None:
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "m", "w", method) as file:
            file.writestr("m/a", bytes(torch_archive.MAX_BYTES + 1))
        with open_archive(tmp_path / "m", KIND) as entries:
            if method == zipfile.ZIP_STORED:
                assert len(entries.tensor("a")) == torch_archive.MAX_BYTES + 1
                continue
            with pytest.raises(Unreadable, match="the entry 'a' is compressed"):
                entries.tensor("a")


def test_tensors_of_the_other_order_of_bytes_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "m", "w") as file:
        file.writestr("m/byteorder", "big")
        file.writestr("m/a", bytes(8))
    with (
        open_archive(tmp_path / "m", KIND) as entries,
        pytest.raises(Unreadable, match="lowest bytes first"),
    ):
        entries.tensor("a")
