"""Training a vocabulary: deterministic, saved in the common formats, loaded by both classes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from distilbert.errors import CheckpointError, InputError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer
from distilbert.tokenization.train import train_wordpiece
from distilbert.tokenization.vocab import load_vocab

TEXTS = ["The cat sat on the mat, the cat!", "Cats and mats: 中国 Café"] * 3

RUN = """
import sys
from distilbert.tokenization.train import train_wordpiece
train_wordpiece(sys.argv[1], texts=["low lower lowest new newer newest wide wider"] * 5)
"""


def test_both_classes_load_the_folder_and_agree(tmp_path: Path) -> None:
    trained = train_wordpiece(tmp_path / "new", texts=iter(TEXTS), vocab_size=60)
    slow = DistilBertTokenizer.from_pretrained(tmp_path / "new")
    fast = DistilBertTokenizerFast.from_pretrained(tmp_path / "new")
    assert len(trained) <= 60
    assert trained.get_vocab() == slow.get_vocab() == fast.get_vocab()
    for text in [*TEXTS, "a mat of cats"]:
        assert slow(text).input_ids == fast(text).input_ids == trained(text).input_ids
    assert slow.tokenize("The cat") == ["the", "cat"]
    assert slow.model_max_length == 512


def test_the_folder_holds_the_four_files(tmp_path: Path) -> None:
    train_wordpiece(tmp_path, texts=TEXTS, vocab_size=60)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]


def test_special_tokens_come_first_and_letters_in_code_point_order(tmp_path: Path) -> None:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[NEW]"]
    trained = train_wordpiece(tmp_path, texts=["ba ab"], vocab_size=20, special_tokens=special)
    vocab = load_vocab(tmp_path / "vocab.txt")
    assert list(vocab) == [*special, "a", "b", "##a", "##b"]
    assert trained.additional_special_tokens == ["[NEW]"]


def test_the_same_text_gives_the_same_file_in_every_process(tmp_path: Path) -> None:
    # The library numbers the letters inside words by a hash that changes with the process.
    for name in ("one", "two"):
        subprocess.run([sys.executable, "-c", RUN, str(tmp_path / name)], check=True, timeout=60)
    one, two = ((tmp_path / name / "vocab.txt").read_bytes() for name in ("one", "two"))
    assert one == two
    assert b"\nlow\n" in one


def test_files_and_texts_count_alike(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    train_wordpiece(tmp_path / "files", files=[tmp_path / "a.txt"], vocab_size=60)
    train_wordpiece(tmp_path / "texts", texts=TEXTS, vocab_size=60)
    vocabularies = [(tmp_path / name / "vocab.txt").read_bytes() for name in ("files", "texts")]
    assert vocabularies[0] == vocabularies[1]


def test_a_cased_vocabulary_keeps_capitals_and_accents(tmp_path: Path) -> None:
    trained = train_wordpiece(tmp_path, texts=TEXTS, vocab_size=70, lowercase=False)
    assert "The" in trained.get_vocab()
    assert DistilBertTokenizer.from_pretrained(tmp_path).do_lower_case is False
    assert "é" in "".join(trained.get_vocab())


def test_frequent_words_count_as_often_as_they_occur(tmp_path: Path) -> None:
    texts = ["of " * 1500, "if " * 20]  # more than the trainer is handed at a time
    trained = train_wordpiece(tmp_path, texts=texts, vocab_size=12, min_frequency=1400)
    assert "of" in trained.get_vocab()
    assert "if" not in trained.get_vocab()


def test_only_the_most_frequent_letters_are_kept(tmp_path: Path) -> None:
    trained = train_wordpiece(tmp_path, texts=["aaa bb c"], vocab_size=20, limit_alphabet=2)
    assert trained.tokenize("a b c") == ["a", "b", "[UNK]"]


def test_bad_requests_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    target = tmp_path / "new"
    with pytest.raises(InputError) as caught:
        train_wordpiece(target, texts=["abc"], vocab_size=7)
    assert str(caught.value) == (
        "`vocab_size` must hold the special tokens and every letter of a text that is not empty: "
        "got vocab_size=7 and 3 letters, which need 10 ids. Pass more text, raise `vocab_size` or "
        "lower `limit_alphabet`."
    )
    with pytest.raises(InputError, match=r"got vocab_size=30522 and 0 letters"):
        train_wordpiece(target, texts=[" \n"])
    with pytest.raises(InputError, match=r"\[CLS\], \[SEP\], \[MASK\] are missing"):
        train_wordpiece(target, texts=TEXTS, special_tokens=["[PAD]", "[UNK]"])
    with pytest.raises(CheckpointError, match=r"must be a readable UTF-8 file: got `.*missing"):
        train_wordpiece(target, files=[tmp_path / "missing"])
    assert not target.exists()
