"""Every format gives the same sequences; a corpus is built once, and again when a part changes."""

from __future__ import annotations

import copy
import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from distilbert import DistilBertTokenizerFast
from distilbert.data import corpus as building
from distilbert.data.corpus_files import Corpus
from distilbert.errors import DataError, InputError
from distilbert.tasks.masked_lm.corpus import CorpusOptions, open_or_build_corpus
from distilbert.training.run_card import DataSection

TEXTS = ["The cat sat on the mat, and the dog sat.", "Paris is the capital of France.", "good film"]
SHORT = CorpusOptions(min_length=3)


def build(
    source: Any,
    tokenizer: Any,
    folder: Path,
    options: CorpusOptions = SHORT,
    data: dict[str, Any] | None = None,
) -> Corpus:
    sources = [str(one) for one in source] if isinstance(source, list) else str(source)
    section = DataSection().model_copy(update=data or {})
    return open_or_build_corpus(
        sources, tokenizer, folder=folder / "corpora", data=section, options=options, processes=1
    )


def texts_file(folder: Path, name: str = "a.txt", texts: list[str] = TEXTS) -> Path:
    path = folder / name
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def test_a_text_becomes_its_tokens_between_cls_and_sep(tokenizer: Any, tmp_path: Path) -> None:
    corpus = build(texts_file(tmp_path), tokenizer, tmp_path)
    expected = tokenizer(TEXTS)["input_ids"]
    assert [corpus[i].tolist() for i in range(len(corpus))] == expected
    assert corpus.counts.shape == (len(tokenizer),)
    assert corpus.counts[tokenizer.cls_token_id] == 3
    assert corpus.info.texts == 3
    assert len(corpus.info.content_hash) == 64


@pytest.mark.parametrize("kind", ["txt.gz", "jsonl", "csv", "tsv", "json", "parquet", "folder"])
def test_every_format_gives_the_same_sequences(tokenizer: Any, tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    match kind:
        case "txt.gz":
            path.write_bytes(gzip.compress("\n".join(TEXTS).encode()))
        case "jsonl":
            path.write_text("".join(json.dumps({"id": 1, "text": text}) + "\n" for text in TEXTS))
        case "json":
            path.write_text(json.dumps([{"sentence": text} for text in TEXTS]))
        case "csv":
            with path.open("w", newline="") as file:
                csv.writer(file).writerows([["label", "review"], *(["x", text] for text in TEXTS)])
        case "tsv":
            path.write_text("label\ttext\n" + "".join(f"x\t{text}\n" for text in TEXTS))
        case "parquet":
            pyarrow = pytest.importorskip("pyarrow")
            parquet = pytest.importorskip("pyarrow.parquet")
            parquet.write_table(pyarrow.table({"text": TEXTS}), path)
        case "folder":
            path.mkdir()
            texts_file(path, "1.txt", TEXTS[:1])
            (path / "2.jsonl").write_text("".join(json.dumps(text) + "\n" for text in TEXTS[1:]))
    corpus = build(path, tokenizer, tmp_path)
    assert [corpus[i].tolist() for i in range(len(corpus))] == tokenizer(TEXTS)["input_ids"]


def test_each_source_may_name_its_column_differently(tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sentence\ngood film\n")
    (tmp_path / "b.jsonl").write_text('{"text": "bad cat"}\n')
    corpus = build([tmp_path / "a.csv", tmp_path / "b.jsonl"], tokenizer, tmp_path)
    assert [tokenizer.decode(corpus[i][1:-1]) for i in (0, 1)] == ["good film", "bad cat"]


def test_rows_without_a_text_are_counted_as_empty(tokenizer: Any, tmp_path: Path) -> None:
    lines = [{"text": text} for text in ("good film", "", " ", None, "nan")]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = texts_file(tmp_path, texts=["good cat", "", "nan"])
    info = build([tmp_path / "a.jsonl", path], tokenizer, tmp_path).info
    assert (info.texts, info.empty) == (3, 5)  # a line of a text that says nan is a text


def test_long_texts_become_windows_that_hold_each_token_once(
    tokenizer: Any, tmp_path: Path
) -> None:
    path = texts_file(tmp_path, texts=["the cat sat on the mat in berlin and paris " * 4])
    corpus = build(path, tokenizer, tmp_path, CorpusOptions(max_length=16, min_length=12))
    tokens = [token for i in range(len(corpus)) for token in corpus[i][1:-1].tolist()]
    assert tokens == tokenizer(path.read_text())["input_ids"][1:-1]
    assert corpus.lengths.max() == 16
    assert corpus.lengths.min() >= 12
    assert corpus.info.divided == 1


def test_joined_texts_fill_their_sequences(tokenizer: Any, tmp_path: Path) -> None:
    path = texts_file(tmp_path, texts=TEXTS * 3)
    options = CorpusOptions(max_length=10, min_length=3, join_texts=True)
    corpus = build(path, tokenizer, tmp_path, options)
    assert set(corpus.lengths[:-1].tolist()) == {10}
    tokens = [token for i in range(len(corpus)) for token in corpus[i][1:-1].tolist()]
    assert tokens == tokenizer(" ".join(TEXTS * 3))["input_ids"][1:-1]


def test_short_and_unknown_sequences_are_dropped_by_default(tokenizer: Any, tmp_path: Path) -> None:
    nine, unknown = "the cat sat on the mat in big berlin", "中 " * 12
    path = texts_file(tmp_path, texts=[nine, f"{nine} again", unknown, f"{nine} {unknown[:16]}"])
    info = build(path, tokenizer, tmp_path, CorpusOptions()).info
    assert (info.texts, info.short, info.unknown_heavy, info.sequences) == (4, 1, 1, 2)


def test_a_corpus_is_used_again_until_a_part_of_it_changes(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[int] = []
    batches = building.batches
    monkeypatch.setattr(building, "batches", lambda texts: built.append(1) or batches(texts))
    path = texts_file(tmp_path)
    first = build(path, tokenizer, tmp_path)
    assert build(path, tokenizer, tmp_path).folder == first.folder
    (tmp_path / "elsewhere").mkdir()
    assert build(path.rename(tmp_path / "elsewhere" / "b.txt"), tokenizer, tmp_path)
    assert len(built) == 1
    path = tmp_path / "elsewhere" / "b.txt"
    others = [
        build(path, tokenizer, tmp_path, CorpusOptions(min_length=3, join_texts=True)),
        build(path, tokenizer, tmp_path, data={"encoding": "latin-1"}),
    ]
    larger = copy.deepcopy(tokenizer)
    larger.add_tokens(["capital of"])
    others.append(build(path, larger, tmp_path))
    path.write_text(path.read_text() + "one more\n")
    others.append(build(path, tokenizer, tmp_path))
    assert len(built) == len({first.folder, *(one.folder for one in others)}) == 5


def test_a_line_in_another_encoding_is_named(tokenizer: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"good film\ncaf\xe9 in paris\nthe cat\n")
    with pytest.raises(DataError, match="encoding utf-8") as caught:
        build(tmp_path / "a.txt", tokenizer, tmp_path)
    assert f"{tmp_path / 'a.txt'} line 2" in str(caught.value)
    assert "try `encoding` cp1252" in str(caught.value)
    assert [path.name for path in (tmp_path / "corpora").iterdir()] == ["corpus.lock"]
    skipping = CorpusOptions(min_length=3, skip_bad_rows=True)
    assert build(tmp_path / "a.txt", tokenizer, tmp_path, skipping).info.bad_rows == 1
    latin = build(tmp_path / "a.txt", tokenizer, tmp_path, data={"encoding": "cp1252"})
    assert latin.info.texts == 3


@pytest.mark.parametrize(
    ("line", "options", "expected"),
    [
        ('{"text": 7}', SHORT, "A text must be a text that is not empty"),
        ('{"txt": "a"}', SHORT, "`text` must name a column of the data, which has: txt"),
        ('{"text": "a"}', CorpusOptions(text="body"), "`text` must name a column.*Got 'body'"),
        ('{"text": ""}', SHORT, "got 0 texts and 1 empty rows"),
        ("", SHORT, "got 0 texts and 0 empty rows"),
        ("{", SHORT, "A row must be a JSON object"),
    ],
)
def test_sources_without_a_usable_text_are_reported(
    tokenizer: Any, tmp_path: Path, line: str, options: CorpusOptions, expected: str
) -> None:
    (tmp_path / "a.jsonl").write_text(f"{line}\n")
    with pytest.raises(DataError, match=expected):
        build(tmp_path / "a.jsonl", tokenizer, tmp_path, options)


def test_missing_sources_are_reported_before_anything_is_written(
    tokenizer: Any, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match="must be a file that exists"):
        build(tmp_path / "a.txt", tokenizer, tmp_path)
    with pytest.raises(DataError, match="at least one file"):
        build([], tokenizer, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_changes_meanwhile_is_reported(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = texts_file(tmp_path)
    batches = building.batches
    monkeypatch.setattr(
        building, "batches", lambda texts: os.utime(path, ns=(1, 1)) or batches(texts)
    )
    with pytest.raises(DataError, match="must not change while a corpus is built from them"):
        build(path, tokenizer, tmp_path)


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"max_length": 2}, "`max_length` must be from 3 to 65535: got 2"),
        ({"max_length": 1 << 16}, "`max_length` must be from 3 to 65535"),
        ({"min_length": 2}, "`min_length` must be from 3 to `max_length`"),
        ({"max_length": 8}, "got min_length=12, max_length=8"),
        ({"max_unknown": 0.0}, "`max_unknown` must be above 0 and at most 1: got 0.0"),
    ],
)
def test_options_that_break_a_rule_are_reported(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        CorpusOptions(**values)


def test_workers_build_the_same_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In real processes, to which the tokenizer must be sent."""
    from stand_ins import write_vocab

    tokenizer = DistilBertTokenizerFast.from_pretrained(write_vocab(tmp_path))
    path = texts_file(tmp_path, texts=TEXTS * 20)
    one = build(path, tokenizer, tmp_path)
    monkeypatch.setattr(building, "BATCH_CHARACTERS", 300)
    monkeypatch.setattr(building, "FIRST_BATCHES", 1)
    two = open_or_build_corpus(
        str(path),
        tokenizer,
        folder=tmp_path / "other",
        data=DataSection(),
        options=SHORT,
        processes=2,
    )
    assert two.info == one.info
    for name in ("tokens-00000.bin", "lengths.bin", "counts.bin"):
        assert (two.folder / name).read_bytes() == (one.folder / name).read_bytes()
