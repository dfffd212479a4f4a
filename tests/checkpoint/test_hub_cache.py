"""The cache of a repository: complete contents under their names, whoever else writes there."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import BinaryIO

import pytest

from distilbert.checkpoint.hub_cache import ABANDONED_SECONDS, RepositoryCache

COMMIT, ETAG = "c" * 40, "e" * 64


def store(cache: RepositoryCache, data: bytes = b"content", **changes: bool) -> Path:
    def download(target: BinaryIO) -> None:
        target.write(data)

    def check(path: Path) -> None:
        if path.read_bytes() != b"content":
            raise ValueError("another content")

    return cache.store(
        "a/b.json", COMMIT, ETAG, download=download, check=check, again=changes.get("again", False)
    )


@pytest.fixture
def cache(tmp_path: Path) -> RepositoryCache:
    return RepositoryCache(tmp_path, "ann/tiny")


def files(cache: RepositoryCache) -> list[str]:
    return sorted(str(p.relative_to(cache.folder)) for p in cache.folder.rglob("*") if p.is_file())


def test_a_content_is_linked_from_the_snapshot_as_huggingface_hub_does(
    cache: RepositoryCache,
) -> None:
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    path = store(cache)
    cache.write_ref("main", COMMIT)
    assert os.readlink(path) == os.path.join("..", "..", "..", "blobs", ETAG)
    assert try_to_load_from_cache("ann/tiny", "a/b.json", cache.folder.parent) == str(path)
    (found,) = scan_cache_dir(cache.folder.parent).repos
    assert (found.repo_id, found.size_on_disk) == ("ann/tiny", 7)


def test_what_the_check_refuses_gets_no_name(cache: RepositoryCache) -> None:
    with pytest.raises(ValueError, match="another content"):
        store(cache, b"other")
    assert files(cache) == []


def test_a_content_that_is_there_is_downloaded_only_if_it_is_damaged(
    cache: RepositoryCache,
) -> None:
    blob = store(cache).resolve()
    before = blob.stat().st_ino
    store(cache, b"never read")
    assert blob.stat().st_ino == before
    blob.write_bytes(b"cut off")
    assert store(cache).read_bytes() == b"content"
    assert store(cache, again=True).read_bytes() == b"content"


def test_a_blob_that_is_a_link_out_of_the_cache_is_replaced_not_followed(
    cache: RepositoryCache, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    (cache.folder / "blobs").mkdir(parents=True)
    (cache.folder / "blobs" / ETAG).symlink_to(victim)
    assert store(cache).read_bytes() == b"content"
    assert victim.read_bytes() == b"mine"


def test_leftovers_of_killed_downloads_are_deleted_and_those_of_running_ones_kept(
    cache: RepositoryCache,
) -> None:
    store(cache)
    dead, alive = (cache.folder / "blobs" / f"{ETAG}.{n}.incomplete" for n in ("dead", "alive"))
    dead.touch()
    alive.touch()
    long_ago = time.time() - ABANDONED_SECONDS - 1
    os.utime(dead, (long_ago, long_ago))
    store(cache, again=True)
    assert (dead.exists(), alive.exists()) == (False, True)


def test_of_two_that_want_the_same_content_one_downloads(cache: RepositoryCache) -> None:
    downloads: list[int] = []

    def download(target: BinaryIO) -> None:
        downloads.append(1)
        time.sleep(0.05)
        target.write(b"content")

    def work() -> None:
        cache.store("x", COMMIT, ETAG, download=download, check=lambda path: None, again=False)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(downloads) == 1
    assert files(cache) == [f"blobs/{ETAG}", f"snapshots/{COMMIT}/x"]


def test_without_links_the_snapshot_holds_the_file(
    cache: RepositoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("links are not supported")

    monkeypatch.setattr(os, "symlink", refuse)
    assert store(cache).read_bytes() == b"content"
    assert files(cache) == [f"snapshots/{COMMIT}/a/b.json"]


def test_a_read_only_cache_is_read_and_notes_are_left_out(
    cache: RepositoryCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(cache)
    cache.write_ref("main", COMMIT)

    def refuse(*args: object, **kwargs: object) -> None:
        raise PermissionError("read-only")

    for name in ("mkdir", "replace", "open"):
        monkeypatch.setattr(os, name, refuse)
    cache.note_absence("vocab.txt", COMMIT)
    cache.write_ref("main", "d" * 40)
    assert cache.commit_of("main") == COMMIT
    assert cache.find("a/b.json", COMMIT) is not None
    assert not cache.is_absent("vocab.txt", COMMIT)
