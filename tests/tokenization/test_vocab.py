"""The vocabulary file: reading, writing, and the ids that survive both."""

from __future__ import annotations

from pathlib import Path

import pytest

from distilbert.errors import CheckpointError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer
from distilbert.tokenization.vocab import load_vocab, save_vocab


def test_the_line_number_is_the_id(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"[PAD]\nhello\n##ed\n")
    assert load_vocab(path) == {"[PAD]": 0, "hello": 1, "##ed": 2}


def test_a_repeated_token_keeps_the_later_id(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"a\nb\na\nc")
    assert load_vocab(path) == {"b": 1, "a": 2, "c": 3}


def test_only_line_ends_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(" a \r\n\u2028\n\x85\n\nb\n".encode())
    assert load_vocab(path) == {" a ": 0, "\u2028": 1, "\x85": 2, "": 3, "b": 4}


def test_a_saved_vocabulary_comes_back_with_the_same_ids(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    vocab = {"é": 1, "[PAD]": 0, "\u2028": 2}
    save_vocab(vocab, path)
    assert path.read_bytes() == "[PAD]\né\n\u2028\n".encode()
    assert load_vocab(path) == vocab


def test_gaps_between_ids_survive_saving(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    vocab = {"a": 1, "b": 4}
    save_vocab(vocab, path)
    assert load_vocab(path) == vocab


def test_a_missing_or_foreign_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"must be a readable UTF-8 text file: got `.*none`"):
        load_vocab(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(CheckpointError, match=r"Pass the path of a `vocab.txt`"):
        load_vocab(tmp_path / "binary")


def test_published_vocabularies_survive_a_round_trip(shared: Path, tmp_path: Path) -> None:
    for path in sorted((shared / "data" / "vocab").glob("*.txt")):
        vocab = load_vocab(path)
        save_vocab(vocab, tmp_path / "vocab.txt")
        assert load_vocab(tmp_path / "vocab.txt") == vocab


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b" \n\n", "an empty file"),
        (b'{"[PAD]": 0}', "a JSON file"),
        (b'{\n  "version": "1.0"', "a JSON file"),
        (b'["[PAD]", "[UNK]"]', "a JSON file"),
        (b"{}", "a JSON file"),
        (b"<!DOCTYPE html>\n<html>", "a web page"),
    ],
)
def test_files_of_another_kind_are_refused_by_both_classes(tmp_path, content, found) -> None:
    (tmp_path / "vocab.txt").write_bytes(content)
    message = f"one token per line: got {found}, .*vocab.txt"
    with pytest.raises(CheckpointError, match=message):
        load_vocab(tmp_path / "vocab.txt")
    for cls in (DistilBertTokenizer, DistilBertTokenizerFast):
        with pytest.raises(CheckpointError, match=message):
            cls.from_pretrained(tmp_path)


def test_brackets_and_braces_may_begin_a_vocabulary(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    for first in ("[PAD]", "{", "[", "<s>"):
        path.write_text(f"{first}\n[UNK]\n")
        assert load_vocab(path) == {first: 0, "[UNK]": 1}


def test_a_byte_order_mark_before_the_first_token_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_bytes(b"\xef\xbb\xbf[PAD]\n[UNK]\n\xef\xbb\xbfa\n")
    assert load_vocab(path) == {"[PAD]": 0, "[UNK]": 1, "\ufeffa": 2}
