"""Sequences come back as they were written, from any shard; only complete corpora are opened."""

from __future__ import annotations

import contextlib
import errno
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest
from killing import Killed, killed_after

from distilbert.data import corpus_files
from distilbert.data.corpus_files import Corpus, CorpusWriter, id_type, open_or_write
from distilbert.errors import CheckpointError, DataError, InputError, TrainingError

ROWS = [[2, 5, 6, 3], [2, 7, 3], [2, 5, 5, 5, 3], [2, 8, 3], [2, 9, 9, 3]]
FACTS = dict.fromkeys(("texts", "empty", "bad_rows", "short", "unknown_heavy", "divided"), 1)
HASH = "0123456789abcdef" * 4


def write(folder: Path, vocab_size: int = 10, content_hash: str = HASH) -> None:
    with CorpusWriter(folder, vocab_size=vocab_size) as writer:
        for row in ROWS:
            writer.add(np.array(row, dtype=np.uint16), np.array([len(row)]))
        writer.add(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
        writer.finish(content_hash=content_hash, max_length=5, **FACTS)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    write(tmp_path)
    return Corpus(tmp_path)


@pytest.mark.parametrize("vocab_size", [10, 1 << 17])
@pytest.mark.parametrize("shard_tokens", [1, 8, 1 << 20])
def test_sequences_lengths_and_counts_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vocab_size: int, shard_tokens: int
) -> None:
    monkeypatch.setattr(corpus_files, "SHARD_TOKENS", shard_tokens)
    write(tmp_path, vocab_size)
    corpus = Corpus(tmp_path)
    assert [corpus[i].tolist() for i in range(len(corpus))] == ROWS
    assert corpus[-1].tolist() == ROWS[-1]
    assert corpus[np.int64(1)].dtype == np.int64
    assert corpus.lengths.tolist() == [len(row) for row in ROWS]
    assert corpus.counts.dtype == np.int64
    assert (
        corpus.counts.tolist() == np.bincount(np.concatenate(ROWS), minlength=vocab_size).tolist()
    )
    assert (corpus.info.sequences, corpus.info.tokens) == (5, 19)
    assert len(corpus.info.shards) == {1: 5, 8: 2, 1 << 20: 1}[shard_tokens]
    size = sum(path.stat().st_size for path in tmp_path.glob("tokens-*.bin"))
    assert size == 19 * (2 if vocab_size < 1 << 16 else 4)


def test_ids_take_two_bytes_below_65536() -> None:
    assert [id_type(size).itemsize for size in (30_522, 65_535, 65_536)] == [2, 2, 4]


@pytest.mark.parametrize("index", [5, -6])
def test_a_sequence_that_does_not_exist_is_reported(corpus: Corpus, index: int) -> None:
    with pytest.raises(IndexError, match=f"number below 5, the size of the corpus: got {index}"):
        corpus[index]


def test_a_pickled_corpus_is_only_the_name_of_its_folder(corpus: Corpus) -> None:
    pickled = pickle.dumps(corpus)
    assert len(pickled) < 1000
    assert pickle.loads(pickled)[2].tolist() == ROWS[2]


@pytest.mark.parametrize("name", ["tokens-00000.bin", "lengths.bin", "starts.bin", "counts.bin"])
def test_a_corpus_that_lost_bytes_is_reported(corpus: Corpus, name: str) -> None:
    path = corpus.folder / name
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content[:-2])
    with pytest.raises(CheckpointError, match=f"must be complete: {name} in .* Delete the folder"):
        Corpus(corpus.folder)


def test_a_corpus_of_another_version_is_reported(corpus: Corpus) -> None:
    (corpus.folder / "corpus.json").write_text('{"sequences": 5}')
    with pytest.raises(CheckpointError, match="must describe a corpus of this version"):
        Corpus(corpus.folder)


@pytest.mark.parametrize(("held_out", "count"), [(2, 2), (0.4, 2), (0.01, 1), (4, 4), (1, 1)])
def test_the_seed_alone_decides_what_is_held_out(
    corpus: Corpus, held_out: float, count: int
) -> None:
    train, held = corpus.split(held_out, seed=3)
    assert len(held) == count
    assert sorted([*train, *held]) == [0, 1, 2, 3, 4]
    assert held.tolist() == sorted(held) == corpus.split(held_out, seed=3)[1].tolist()
    assert len({tuple(corpus.split(held_out, seed=seed)[1]) for seed in range(20)}) > 1


@pytest.mark.parametrize("held_out", [0, 5, -1, 0.0, 1.0, -0.5, 0.95])
def test_something_must_be_held_out_and_something_left(corpus: Corpus, held_out: float) -> None:
    with pytest.raises(InputError, match=r"fraction between 0 and 1, or a number .* from 1 to 4"):
        corpus.split(held_out, seed=0)


def test_a_corpus_of_one_sequence_cannot_be_split(tmp_path: Path) -> None:
    with CorpusWriter(tmp_path, vocab_size=9) as writer:
        writer.add(np.array([2, 5, 3]), np.array([3]))
        writer.finish(content_hash=HASH, max_length=5, **FACTS)
    with pytest.raises(InputError, match=r"at least two sequences, .* got 1[.]"):
        Corpus(tmp_path).split(0.02, seed=0)


def test_a_corpus_is_written_once(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "corpora"
    first = open_or_write(folder, HASH, write)
    assert open_or_write(folder, HASH, lambda _: pytest.fail("again")).folder == first.folder
    other = "1" * 64
    second = open_or_write(folder, other, lambda staging: write(staging, content_hash=other))
    assert second.folder != first.folder


def test_a_damaged_corpus_is_written_again(tmp_path: Path) -> None:
    first = open_or_write(tmp_path, HASH, write)
    (first.folder / "tokens-00000.bin").unlink()
    assert open_or_write(tmp_path, HASH, write)[4].tolist() == ROWS[4]


def test_a_killed_process_leaves_nothing_that_counts_as_complete(tmp_path: Path) -> None:
    with killed_after(10_000) as calls:
        open_or_write(tmp_path / "all", HASH, write)
    for n_calls in range(len(calls) + 1):
        folder = tmp_path / str(n_calls)
        with killed_after(n_calls), contextlib.suppress(Killed):
            open_or_write(folder, HASH, write)
        again = open_or_write(folder, HASH, write)
        assert [again[i].tolist() for i in range(5)] == ROWS
        left = {path.name for path in folder.iterdir()}
        assert left == {HASH[:16], "corpus.lock"}


def test_a_full_disk_is_reported_and_leaves_nothing(tmp_path: Path) -> None:
    def full(staging: Path) -> None:
        write(staging)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(TrainingError, match="is full, and nothing is left of the corpus"):
        open_or_write(tmp_path, HASH, full)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.lock"]


def test_other_errors_stay_themselves_and_leave_nothing(tmp_path: Path) -> None:
    def bad(staging: Path) -> None:
        write(staging)
        raise DataError("bad rows")

    with pytest.raises(DataError, match="bad rows"):
        open_or_write(tmp_path, HASH, bad)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus.lock"]


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"folder of a corpus must be writable: .*file"):
        open_or_write(tmp_path / "file", HASH, write)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_of_several_processes_one_writes(tmp_path: Path) -> None:
    def noted(staging: Path) -> None:
        with (tmp_path / "log").open("a") as log:
            log.write("written\n")
        write(staging)

    context = multiprocessing.get_context("fork")
    folder = tmp_path / "corpora"
    running = [context.Process(target=open_or_write, args=(folder, HASH, noted)) for _ in "abc"]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
    assert [process.exitcode for process in running] == [0, 0, 0]
    assert (tmp_path / "log").read_text() == "written\n"
