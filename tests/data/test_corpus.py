"""A corpus is the same in any number of processes; memory and faults do not grow with it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbert.data import corpus as module, corpus_files
from distilbert.data.corpus import Encoder, batches, write_corpus
from distilbert.data.corpus_files import Corpus
from distilbert.data.corpus_sequences import SequenceRules
from distilbert.data.problems import Problems
from distilbert.errors import DataError

RULES = SequenceRules(2, 3, 1, max_length=8, min_length=3, max_unknown=0.5, join_texts=False)
TEXTS = [f"{'ab ' * (i % 7)}{i}" for i in range(60)]


def letters(texts: Sequence[str]) -> list[np.ndarray]:
    """One token for each character that is no space."""
    return [np.array([5 + ord(c) % 50 for c in text if c != " "], dtype=np.int64) for text in texts]


def build(folder: Path, texts: Any, problems: Problems | None = None, **options: Any) -> Corpus:
    folder.mkdir()
    write_corpus(
        folder,
        texts,
        **{
            "encoder": Encoder(options.pop("tokenize", letters), 60),
            "rules": RULES,
            "content_hash": "x",
            "problems": Problems() if problems is None else problems,
            "skip_bad_rows": False,
            "processes": 1,
            **options,
        },
    )
    return Corpus(folder)


def rows(corpus: Corpus) -> list[list[int]]:
    return [corpus[i].tolist() for i in range(len(corpus))]


def test_the_number_of_processes_and_the_size_of_batches_do_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[int] = []
    one = build(tmp_path / "one", TEXTS, progress=reported.append)
    assert reported == [one.info.tokens]
    monkeypatch.setattr(module, "BATCH_CHARACTERS", 40)
    monkeypatch.setattr(module, "FIRST_BATCHES", 2)
    assert len(list(batches(TEXTS))) > 10
    two = build(tmp_path / "two", TEXTS)
    assert rows(one) == rows(two)
    assert one.info == two.info


def test_workers_tokenize_what_follows_the_first_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[int] = []

    def here(function: Any, items: Any, *, processes: int) -> Iterator[Any]:
        for item in items:
            called.append(processes)
            yield function(item)

    monkeypatch.setattr(module, "in_processes", here)
    monkeypatch.setattr(module, "BATCH_CHARACTERS", 40)
    many = build(tmp_path / "many", TEXTS, processes=3)
    assert set(called) == {3}
    assert len(called) == len(list(batches(TEXTS))) - module.FIRST_BATCHES
    assert rows(many) == rows(build(tmp_path / "one", TEXTS))
    called.clear()
    build(tmp_path / "few", TEXTS[:3], processes=3)
    assert called == []


def test_blank_texts_are_counted(tmp_path: Path) -> None:
    info = build(tmp_path / "x", ["abc", "", " \t", "abcd"]).info
    assert (info.texts, info.empty, info.sequences, info.bad_rows) == (2, 2, 2, 0)


def test_memory_does_not_grow_with_the_texts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_CHARACTERS", 1 << 12)
    monkeypatch.setattr(corpus_files, "SHARD_TOKENS", 1 << 14)

    def peak(n_texts: int) -> int:
        tracemalloc.start()
        build(tmp_path / str(n_texts), ("abcd " * 20 for _ in range(n_texts)))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    small, large = peak(200), peak(2000)
    assert large < 1.2 * small


def test_faults_stop_tokenizing_and_are_reported_together(tmp_path: Path) -> None:
    problems, tokenized = Problems(), []

    def texts() -> Iterator[str]:
        yield "good one"
        for number in (1, 2):
            problems.add("A text must be a text.", f"x line {number}", 7)
            yield "another"

    def noted(texts: Sequence[str]) -> list[np.ndarray]:
        tokenized.extend(texts)
        return letters(texts)

    with pytest.raises(DataError, match=r"A text must be a text\. 2 rows fail:"):
        build(tmp_path / "x", texts(), problems, tokenize=noted)
    assert tokenized == ["good one"]
    assert not (tmp_path / "x" / "corpus.json").exists()


def test_bad_rows_may_be_skipped_and_are_counted(tmp_path: Path) -> None:
    problems = Problems()
    problems.add("A text must be a text.", "x line 1", 7)
    corpus = build(tmp_path / "x", ["abc"], problems, skip_bad_rows=True)
    assert (corpus.info.bad_rows, corpus.info.texts) == (1, 1)


@pytest.mark.parametrize(
    ("texts", "rule", "expected"),
    [
        ([], {}, "got 0 texts and 0 empty rows; 0 sequences have fewer"),
        ([" ", ""], {}, "got 0 texts and 2 empty rows"),
        (
            ["a"],
            {"min_length": 5},
            "1 sequences have fewer than `min_length`=5 .* `join_texts`",
        ),
        (["abc"], {"unknown_id": 5 + ord("a") % 50, "max_unknown": 0.2}, "1 consist of unknown .*"),
    ],
)
def test_texts_that_leave_nothing_are_reported_with_the_reasons(
    tmp_path: Path, texts: list[str], rule: dict[str, Any], expected: str
) -> None:
    rules = SequenceRules(**{**vars(RULES), **rule})
    with pytest.raises(DataError, match=f"at least one sequence: .*{expected}"):
        build(tmp_path / "x", texts, rules=rules)
