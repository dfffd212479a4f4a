"""A vocabulary with capitals keeps the case of texts unless somebody says otherwise."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest

from distilbert import AutoTokenizer
from distilbert.opening import open_tokenizer
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.letter_case import is_cased
from distilbert.tokenization.slow import DistilBertTokenizer
from distilbert.tokenization.vocab import load_vocab

CLASSES = [DistilBertTokenizer, DistilBertTokenizerFast, AutoTokenizer]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
GERMAN = [*SPECIAL, "Frau", "Müller", "##straße", "Österreich", "hell", "##o", "in", "Ü", "ü"]
KOREAN = [*SPECIAL, "Hello", "hell", "##o", "한국", "##어"]


def write(folder: Path, tokens: list[str], **config: object) -> Path:
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("config", [{}, {"model_max_length": 512}])
def test_a_cased_vocabulary_is_cased_and_said_to_be_once(cls, config, tmp_path) -> None:
    folder = write(tmp_path, GERMAN, **config)
    with pytest.warns(UserWarning, match="has upper-case pieces, and no file says") as caught:
        tokenizer = cls.from_pretrained(folder)
    assert len(caught) == 1
    assert tokenizer.tokenize("Frau Müllerstraße in Österreich") == [
        *("Frau", "Müller", "##straße", "in", "Österreich"),
    ]
    assert not tokenizer.do_lower_case
    tokenizer.save_pretrained(folder / "saved")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # now a file says so
        assert cls.from_pretrained(folder / "saved").tokenize("Müller") == ["Müller"]


@pytest.mark.parametrize("cls", CLASSES)
def test_korean_is_not_taken_apart(cls, tmp_path) -> None:
    with pytest.warns(UserWarning, match="upper-case pieces"):
        tokenizer = cls.from_pretrained(write(tmp_path, KOREAN))
    assert tokenizer.tokenize("Hello 한국어") == ["Hello", "한국", "##어"]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("where", ["keyword", "file"])
def test_what_somebody_says_is_done_without_a_word(cls, where, tmp_path) -> None:
    said = {"do_lower_case": True}
    folder = write(tmp_path, GERMAN, **(said if where == "file" else {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer = cls.from_pretrained(folder, **(said if where == "keyword" else {}))
    assert tokenizer.tokenize("Hello") == ["hell", "##o"]


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    "upper",
    [
        ["<S>", "<T>"],  # as the Chinese vocabulary has
        ["[E1]", "[UNUSED1]", "UNUSED_2"],
        ["PADDING"],
    ],
)
def test_capitals_of_special_and_unused_tokens_do_not_count(cls, upper, tmp_path) -> None:
    folder = write(tmp_path, [*SPECIAL, *upper, "hell", "##o"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tokenizer = cls.from_pretrained(folder, pad_token=upper[0])
    assert tokenizer.tokenize("Hello") == ["hell", "##o"]


def test_a_few_words_over_unused_entries_do_not_make_a_vocabulary_cased() -> None:
    words = [f"word{i}" for i in range(100)]
    assert not is_cased([*SPECIAL, *words, "COVID", "RNA"])
    assert is_cased([*SPECIAL, *words, *(f"Name{i}" for i in range(10))])


def test_single_letters_are_judged_apart() -> None:
    lower = [*"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
    upper = [letter.upper() for letter in lower]
    assert is_cased([*SPECIAL, *lower, "good", "film", "Good"])
    assert is_cased([*SPECIAL, *lower, *upper, "한국", "##어"])
    assert not is_cased([*SPECIAL, *lower, "good", "film", "U", "##S"])


def test_a_vocabulary_without_letters_is_not_cased() -> None:
    assert not is_cased([*SPECIAL, "1", "中", "한국"])
    assert not is_cased([])


def test_published_vocabularies_are_recognized(shared: Path) -> None:
    names = ("cased", "multilingual-cased", "uncased", "chinese")
    folder = shared / "data" / "vocab"
    found = {n: is_cased(load_vocab(folder / f"bert-base-{n}-vocab.txt")) for n in names}
    assert found == {"cased": True, "multilingual-cased": True, "uncased": False, "chinese": False}


@pytest.mark.parametrize("cls", CLASSES[:2])
def test_a_constructor_keeps_its_default_and_warns(cls, tmp_path) -> None:
    path = write(tmp_path, GERMAN) / "vocab.txt"
    with pytest.warns(UserWarning, match="in lower case never reaches: got `do_lower_case=True`"):
        assert cls(str(path)).tokenize("Hello") == ["hell", "##o"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cls(str(path), do_lower_case=False).tokenize("Frau") == ["Frau"]


@pytest.mark.parametrize("cls", CLASSES)
def test_tokenizer_json_says_how_it_was_made(cls, tmp_path) -> None:
    write(tmp_path, GERMAN)
    made = DistilBertTokenizerFast.from_pretrained(tmp_path, do_lower_case=True)
    made.backend_tokenizer.save(str(tmp_path / "tokenizer.json"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert cls.from_pretrained(tmp_path).tokenize("Hello") == ["hell", "##o"]


def test_commands_and_pipelines_open_it_alike(tmp_path) -> None:
    with pytest.warns(UserWarning, match="upper-case pieces") as caught:
        tokenizer = open_tokenizer(str(write(tmp_path, GERMAN)))
    assert (len(caught), tokenizer.tokenize("Müller")) == (1, ["Müller"])
