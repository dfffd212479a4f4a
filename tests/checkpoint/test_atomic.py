"""A writer that fails half-way leaves the old content, and nothing else."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from distilbert.checkpoint import atomic
from distilbert.checkpoint.atomic import (
    atomic_file,
    atomic_folder,
    check_folder_writable,
    check_writable,
)
from distilbert.errors import CheckpointError


def contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def disk_full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_appears_complete(tmp_path):
    with atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
        assert not (tmp_path / "a.txt").exists()
    assert contents(tmp_path) == {"a.txt": "new"}


def test_an_error_leaves_the_old_file(tmp_path):
    (tmp_path / "a.txt").write_text("old")

    def interrupted():
        with atomic_file(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert contents(tmp_path) == {"a.txt": "old"}


def test_a_file_keeps_its_mode(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    path.chmod(0o600)
    with atomic_file(path) as temporary:
        temporary.write_text("new")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_new_file_has_the_usual_mode(tmp_path):
    (tmp_path / "usual").write_text("")
    with atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with (
        pytest.raises(CheckpointError, match="the file does not exist"),
        atomic_file(tmp_path / "a.txt"),
    ):
        pass
    with (
        pytest.raises(CheckpointError, match="must not take the place of a folder"),
        atomic_file(tmp_path),
    ):
        pass


def test_a_new_folder_appears_complete(tmp_path):
    target = tmp_path / "deep" / "model"
    with atomic_folder(target) as staging:
        (staging / "a.txt").write_text("1")
        (staging / "sub").mkdir()
        (staging / "sub" / "b.txt").write_text("2")
        assert not target.exists()
    assert contents(tmp_path) == {"deep/model/a.txt": "1", "deep/model/sub/b.txt": "2"}


def test_other_files_of_an_existing_folder_survive(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "stale.txt").write_text("stale")
    with atomic_folder(tmp_path, replaces=["stale.txt"], last=["a.txt"]) as staging:
        (staging / "a.txt").write_text("new")
        (staging / "sub").mkdir()
        (staging / "sub" / "b.txt").write_text("2")
        assert (tmp_path / "a.txt").read_text() == "old"
    assert contents(tmp_path) == {"a.txt": "new", "mine.txt": "mine", "sub/b.txt": "2"}


def test_an_error_leaves_no_new_folder(tmp_path):
    target = tmp_path / "model"

    def save():
        with atomic_folder(target) as staging:
            (staging / "a.txt").write_text("half")
            disk_full()

    with pytest.raises(OSError, match="No space"):
        save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("fails_at", [1, 2, 3])
def test_an_error_while_renaming_puts_the_old_files_back(tmp_path, monkeypatch, fails_at):
    (tmp_path / "a.txt").write_text("old a")
    (tmp_path / "c.txt").write_text("old c")
    before = contents(tmp_path)
    real, calls = os.replace, []

    def failing(source, target):
        calls.append(target)
        if len(calls) == fails_at:
            disk_full()
        real(source, target)

    monkeypatch.setattr(atomic.os, "replace", failing)

    def save():
        with atomic_folder(tmp_path) as staging:
            for name in "abc":
                (staging / f"{name}.txt").write_text("new")

    with pytest.raises(OSError, match="No space"):
        save()
    assert contents(tmp_path) == before


def test_a_disk_that_fills_while_flushing_leaves_the_old_files(tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")
    monkeypatch.setattr(atomic.os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space"), atomic_folder(tmp_path) as staging:
        (staging / "a.txt").write_text("new")
    with pytest.raises(OSError, match="No space"), atomic_file(tmp_path / "a.txt") as temporary:
        temporary.write_text("new")
    assert contents(tmp_path) == {"a.txt": "old"}


def test_it_works_without_hard_links(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic.os, "link", disk_full)
    (tmp_path / "a.txt").write_text("old")
    with atomic_folder(tmp_path) as staging:
        (staging / "a.txt").write_text("new")
    assert contents(tmp_path) == {"a.txt": "new"}


def test_a_link_is_replaced_and_its_target_kept(tmp_path):
    (tmp_path / "blob").write_text("shared")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.txt").symlink_to(tmp_path / "blob")
    with atomic_folder(folder) as staging:
        (staging / "a.txt").write_text("new")
    assert (tmp_path / "blob").read_text() == "shared"
    assert (folder / "a.txt").read_text() == "new"


def test_a_file_is_no_folder_and_a_folder_no_file(tmp_path):
    (tmp_path / "file").write_text("x")
    with (
        pytest.raises(CheckpointError, match="must be saved to a folder"),
        atomic_folder(tmp_path / "file"),
    ):
        pass
    (tmp_path / "model" / "a").mkdir(parents=True)
    with (
        pytest.raises(CheckpointError, match="must not take the place of a folder: a"),
        atomic_folder(tmp_path / "model") as staging,
    ):
        (staging / "a").write_text("x")
    assert contents(tmp_path) == {"file": "x"}


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
def test_links_stay_and_what_they_point_to_is_replaced(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_text("old")
    (tmp_path / "link").symlink_to("middle")
    (tmp_path / "middle").symlink_to("real/a.txt")
    with atomic_file(tmp_path / "link") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "a.txt").read_text() == "new"
    (tmp_path / "to_new").symlink_to("real/b.txt")
    with atomic_file(tmp_path / "to_new") as temporary:
        temporary.write_text("b")
    assert (tmp_path / "real" / "b.txt").read_text() == "b"
    (tmp_path / "folder").symlink_to("nowhere")
    with atomic_folder(tmp_path / "folder") as staging:
        (staging / "c.txt").write_text("c")
    assert (tmp_path / "folder").is_symlink()
    assert (tmp_path / "nowhere" / "c.txt").read_text() == "c"


@pytest.mark.skipif(os.name == "nt", reason="POSIX files")
def test_devices_pipes_and_open_files_are_written_through(tmp_path):
    reader, writer = os.pipe()
    (tmp_path / "stdout").symlink_to(f"/proc/self/fd/{writer}")
    for path in (f"/proc/self/fd/{writer}", tmp_path / "stdout"):
        with atomic_file(path) as through:
            through.write_text("x")
        assert os.read(reader, 9) == b"x"
    with (tmp_path / "file").open("w") as file, atomic_file(f"/dev/fd/{file.fileno()}") as through:
        through.write_text("open")
    assert (tmp_path / "file").read_text() == "open"
    os.mkfifo(tmp_path / "fifo")
    end = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    with atomic_file(tmp_path / "fifo") as through:
        through.write_text("fifo")
    assert os.read(end, 9) == b"fifo"
    for descriptor in (reader, writer, end):
        os.close(descriptor)
    with pytest.raises(OSError, match="No space"), atomic_file("/dev/full") as through:
        through.write_text("x")
    assert Path("/dev/full").is_char_device()
    assert not list(tmp_path.glob(".*"))


def test_what_cannot_be_written_is_named_at_the_start(tmp_path):
    with pytest.raises(CheckpointError) as caught, atomic_file(tmp_path / "no" / "a.txt"):
        pytest.fail("the block must not run")
    assert str(caught.value) == (
        f"The output must be a writable file: got {tmp_path / 'no' / 'a.txt'}, "
        f"but the folder {tmp_path / 'no'} does not exist."
    )
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match=f"the folder {tmp_path / 'file'} does not exist"):
        check_writable(tmp_path / "file" / "a.txt")
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(CheckpointError, match="The output must be a writable file"):
        check_writable(tmp_path / "a")


def test_a_folder_that_cannot_be_written_is_known_before(tmp_path, monkeypatch):
    check_folder_writable(tmp_path / "new" / "folder")
    check_folder_writable(tmp_path)
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file/out", "link", f"{'x' * 300}/out"):
        with pytest.raises(CheckpointError, match=r"must be a folder that can be written: got"):
            check_folder_writable(tmp_path / name)
    with pytest.raises(CheckpointError, match=r"/out, but .*/file is not a folder\.$"):
        check_folder_writable(tmp_path / "file" / "out")
    if Path("/proc/self").is_dir():
        with pytest.raises(CheckpointError, match=r"but no folder can be created in /proc\.$"):
            check_folder_writable("/proc/no-such-folder/out")

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(os, "mkdir", read_only)
    with pytest.raises(CheckpointError, match=r"created in .* \(Read-only file system\)"):
        check_folder_writable(tmp_path / "new")
