"""Rows of tokens come back as they were written; only complete shards count."""

from __future__ import annotations

import errno
import json
import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from killing import Killed, killed_after

from distilbert.data import token_rows
from distilbert.data.token_rows import Part, TokenRows, write_missing
from distilbert.errors import CheckpointError, InputError, TrainingError

LENGTHS = np.array([4, 3, 5, 3, 3, 9, 2], dtype=np.uint16)
TYPE = np.dtype([("ids", "<u2", (3,)), ("entropy", "<f4")])
ABOUT = {"teacher": "abc", "version": 1}


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_rows, "SHARD_ROWS", 8)
    monkeypatch.setattr(token_rows, "MAPPED_SHARDS", 2)


def part(name: str = "masks") -> Part:
    return Part(name, LENGTHS)


def rows_of(shard: int, dtype: np.dtype[Any] = TYPE) -> np.ndarray:
    rows = np.zeros(part().n_rows(shard), dtype)
    first = int(part().starts[part().shards[shard][0]])
    for name in dtype.names or ():
        values = first + np.arange(len(rows))
        rows[name] = values[:, None] if dtype[name].shape else values
    return rows


def compute(key: str, shard: int, names: list[str]) -> dict[str, np.ndarray]:
    return {name: rows_of(shard) for name in names}


def filled(folder: Path) -> TokenRows:
    rows = TokenRows(folder, TYPE, ABOUT)
    write_missing({"words": rows}, {0: part()}, compute)
    return rows


def test_shards_hold_whole_sequences() -> None:
    assert part().shards == [(0, 3), (3, 5), (5, 6), (6, 7)]
    assert [part().n_rows(shard) for shard in range(4)] == [12, 6, 9, 2]


def test_rows_come_back_in_any_order(tmp_path: Path) -> None:
    rows, starts = filled(tmp_path / "rows"), part().starts
    for number in (5, 0, 6, 3, 2, 1, 4):
        found = rows.read(part(), number)
        assert found["entropy"].tolist() == list(range(starts[number], starts[number + 1]))
        assert (found["ids"] == found["entropy"][:, None]).all()
    sizes = [path.stat().st_size for path in (tmp_path / "rows").glob("*.bin")]
    assert sum(sizes) == 29 * TYPE.itemsize
    names = sorted(path.name for path in (tmp_path / "rows").iterdir())
    assert names == [*(f"masks-{shard:05d}.bin" for shard in range(4)), "rows.json"]


def test_what_is_there_is_not_computed_again(tmp_path: Path) -> None:
    stores = {name: TokenRows(tmp_path / name, TYPE, ABOUT) for name in ("words", "states")}
    parts = {0: part(), 1: part("other")}
    calls: list[Any] = []

    def noted(*call: Any) -> dict[str, np.ndarray]:
        calls.append(call)
        return compute(*call)

    write_missing({"words": stores["words"]}, {0: part()}, noted)
    calls.clear()
    write_missing(stores, parts, noted)
    assert calls == [
        *((0, shard, ["states"]) for shard in range(4)),
        *((1, shard, ["words", "states"]) for shard in range(4)),
    ]
    calls.clear()
    write_missing(stores, parts, noted)
    write_missing({}, parts, noted)
    assert calls == []


def test_a_shard_that_lost_bytes_is_computed_again(tmp_path: Path) -> None:
    rows = filled(tmp_path)
    path = tmp_path / "masks-00001.bin"
    path.write_bytes(path.read_bytes()[:-1])
    assert [rows.has(part(), shard) for shard in range(4)] == [True, False, True, True]
    write_missing({"words": rows}, {0: part()}, compute)
    assert TokenRows(tmp_path, TYPE, ABOUT).read(part(), 3)["entropy"].tolist() == [12, 13, 14]


def test_a_killed_process_leaves_complete_shards_and_the_next_continues(tmp_path: Path) -> None:
    def contents(folder: Path) -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in folder.iterdir() if p.suffix != ".lock"}

    with killed_after(10_000) as calls:
        filled(tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    for n_calls in range(len(calls)):
        folder = tmp_path / str(n_calls)
        with pytest.raises(Killed), killed_after(n_calls):
            filled(folder)
        shards = {path.name: path.read_bytes() for path in folder.glob("*.bin")}
        assert shards.items() <= whole.items()
        filled(folder)
        assert contents(folder) == whole


def test_other_rows_and_damaged_descriptions_are_refused(tmp_path: Path) -> None:
    filled(tmp_path)
    with pytest.raises(CheckpointError, match=r"differs in teacher.*Delete the folder"):
        TokenRows(tmp_path, TYPE, {**ABOUT, "teacher": "other"})
    with pytest.raises(CheckpointError, match="differs in dtype"):
        TokenRows(tmp_path, np.dtype([("ids", "<u2", (4,))]), ABOUT)
    assert json.loads((tmp_path / "rows.json").read_text())["teacher"] == "abc"
    (tmp_path / "rows.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"must be a JSON file.*Delete the folder"):
        TokenRows(tmp_path, TYPE, ABOUT)


def test_a_full_disk_and_a_folder_that_is_a_file_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = TokenRows(tmp_path / "rows", TYPE, ABOUT)

    def full(path: Path, data: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        with pytest.raises(TrainingError, match=r"is full\. Complete shards are kept"):
            write_missing({"words": rows}, {0: part()}, compute)
    assert not list((tmp_path / "rows").glob("*.bin"))
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "rows"):
        with pytest.raises(InputError, match="folder of a cache must be writable"):
            TokenRows(path, TYPE, ABOUT)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_several_processes_share_the_work(tmp_path: Path) -> None:
    def fill(rank: int) -> None:
        def noted(key: int, shard: int, names: list[str]) -> dict[str, np.ndarray]:
            with (tmp_path / "log").open("a") as log:
                log.write(f"{shard}\n")
            return compute("", shard, names)

        rows = TokenRows(tmp_path / "rows", TYPE, ABOUT)
        write_missing({"words": rows}, {0: part()}, noted, rank=(rank, 3))
        assert all(rows.has(part(), shard) for shard in range(4))

    context = multiprocessing.get_context("fork")
    running = [context.Process(target=fill, args=(rank,)) for rank in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0, 0, 0]
    assert sorted((tmp_path / "log").read_text().split()) == ["0", "1", "2", "3"]
