"""The slow and the fast tokenizer give the same pieces, offsets and words on real and random text.

Where they differ, the slow one does what the reference's slow class does (checked against it on
every code point, and recorded in tests/golden/slow_pieces.json). All differences, each with a test:

| difference | slow | fast |
|---|---|---|
| composition (NFC) where accents stay | `e` + accent is one letter | two characters |
| special tokens when lower-casing | sought in lower-cased text | sought in the raw text |
| an added token with `single_word` inside a word | cuts the word after it | does nothing |
| unassigned code points | dropped | kept as letters |
| characters newer than the table of `tokenizers` (Unicode 8) | their category counts | letters |
| three characters whose category Unicode changed | today's category | the old one |
| ideographs U+2B820 to U+2B91F | stand alone | letters |
"""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st
from tokenizers import AddedToken

from distilbert.tokenization import normalize
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CHANGED_CATEGORY = "\u166d\u1734\U000111c9"
UNCASED: dict[str, Any] = {}
OPTIONS: tuple[dict[str, Any], ...] = (
    UNCASED,
    {"strip_accents": False},
    {"do_lower_case": False},
    {"do_lower_case": False, "strip_accents": True},
    {"tokenize_chinese_chars": False},
)
PUBLISHED = {
    "bert-base-uncased": True,
    "bert-base-cased": False,
    "bert-base-chinese": True,
    "bert-base-multilingual-cased": False,
}


class Both:
    """The two tokenizers of one vocabulary and one set of options."""

    def __init__(self, vocab: Any, **options: Any) -> None:
        self.slow = DistilBertTokenizer(vocab, **options)
        self.fast = DistilBertTokenizerFast(vocab, **options)

    def assert_equal_ids(self, texts: list[str], fast_texts: list[str] | None = None) -> None:
        slow, fast = self.slow(texts).input_ids, self.fast(fast_texts or texts).input_ids
        assert [t for t, a, b in zip(texts, slow, fast, strict=True) if a != b] == []

    def assert_equal(self, texts: list[str]) -> None:
        """Equal ids, tokens, offsets and word numbers."""
        slow = self.slow(texts, return_offsets_mapping=True)
        fast = self.fast(texts, return_offsets_mapping=True)
        for row, text in enumerate(texts):
            assert slow.tokens(row) == fast.tokens(row), text
            assert slow.input_ids[row] == fast.input_ids[row], text
            assert slow.offset_mapping[row] == fast.offset_mapping[row], text
            assert slow.word_ids(row) == fast.word_ids(row), text


@cache
def small(options: int) -> Both:
    """Two tokenizers that know Latin letters and what the random texts are rich in."""
    letters = [
        chr(code) for code in (*range(33, 0x180), *range(0x300, 0x330), *range(0x3B1, 0x3CA))
    ]
    letters += [*"中国か한", *(chr(code) for code in range(0x1100, 0x1113))]
    vocab = [*SPECIAL, *letters, *("##" + letter for letter in letters), "the", "##ing", "ab"]
    return Both({token: index for index, token in enumerate(vocab)}, **OPTIONS[options])


def is_common(char: str) -> bool:
    """Whether the tables of Python and of `tokenizers` tell the same of this character."""
    code = ord(char)
    return (
        unicodedata.category(char) not in ("Cn", "Cs")
        and char not in CHANGED_CATEGORY
        and not 0x2B820 <= code < 0x2B920
        and not is_newer(char)
    )


@cache
def is_newer(char: str) -> bool:
    """Whether `tokenizers` takes this mark, punctuation or format character for a letter."""
    category = unicodedata.category(char)
    if category[0] not in "MPC" or category in ("Cn", "Co"):
        return False
    normalizer = small(3).fast.backend_tokenizer.normalizer
    splitter = small(3).fast.backend_tokenizer.pre_tokenizer
    decomposed = unicodedata.normalize("NFD", char)
    if category[0] == "P":
        return len(splitter.pre_tokenize_str(f"a{char}a")) == 1
    if category == "Mc":  # has no rule of its own, but may fall apart into parts
        return normalizer.normalize_str(char) != decomposed
    return category != "Me" and char in normalizer.normalize_str(f"a{char}a")


# --- random text ---------------------------------------------------------------------------------

COMMON = st.characters(exclude_categories=["Cn", "Cs"]).filter(is_common)
TANGLED = st.sampled_from(
    "aeAEİΣσςéÉå한각\u1100\u1161\u0301\u0308\u0327\u0345\u212b\u2126中\u3000か"
)
SPACES = st.sampled_from(" \t\n\r\x0b\x1c\x85\u00a0\u2028\u2029\u200b\x00\ufffd")
PARTS = st.sampled_from([*SPECIAL, "[mask]", "the", "abing", "x" * 101, "don't", "[", "]"])
TEXT = st.lists(st.one_of(COMMON, TANGLED, SPACES, PARTS, st.sampled_from("abc .,!'-"))).map(
    "".join
)


@given(TEXT, st.sampled_from([0, 3, 4]))
def test_random_text_without_accents_gives_the_same_everything(text: str, options: int) -> None:
    small(options).assert_equal([text])


@given(TEXT, st.sampled_from([1, 2]))
def test_random_composed_text_gives_the_same_everything(text: str, options: int) -> None:
    # What is dropped between a letter and its accent lets them compose, hence the cleaning.
    lowered = normalize.lower(text) if options == 1 else text
    cleaned = lowered.translate(normalize.CLEAN)
    if unicodedata.normalize("NFC", cleaned) != cleaned:
        text = unicodedata.normalize("NFC", cleaned)
    small(options).assert_equal([text])


def test_every_common_character_gives_the_same_everything() -> None:
    # Every 41st of the large uniform blocks (ideographs, hangul, private use), all of the others.
    codes = [*range(0x3400), *range(0x3400, 0xF900, 41), *range(0xF900, 0x1F000)]
    codes += range(0x1F000, 0x110000, 401)
    chars = [char for char in map(chr, codes) if is_common(char)]
    assert len(chars) > 17_000
    texts = [" ".join(f"a{c}b {c}" for c in chars[i : i + 50]) for i in range(0, len(chars), 50)]
    small(0).assert_equal(texts)


# --- real text -----------------------------------------------------------------------------------


@cache
def real_texts(data: Path) -> dict[str, list[str]]:
    """Every line of the three corpora."""
    udhr = gzip.decompress((data / "udhr" / "udhr.jsonl.gz").read_bytes()).decode()
    declarations = [json.loads(line)["text"] for line in udhr.rstrip("\n").split("\n")]
    return {
        "udhr": [line for text in declarations for line in text.split("\n")],
        "blns": (data / "blns" / "blns.txt").read_bytes().decode().split("\n"),
        "xquad": [text for path in (data / "xquad").glob("*.gz") for text in xquad_texts(path)],
    }


def xquad_texts(path: Path) -> Iterator[str]:
    for article in json.loads(gzip.decompress(path.read_bytes()))["data"]:
        for paragraph in article["paragraphs"]:
            yield paragraph["context"]
            yield from (question["question"] for question in paragraph["qas"])


@pytest.mark.parametrize("corpus", ["udhr", "blns", "xquad"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_real_text_gives_the_same_ids(shared: Path, name: str, corpus: str) -> None:
    data = shared / "data"
    both = Both(str(data / "vocab" / f"{name}-vocab.txt"), do_lower_case=PUBLISHED[name])
    texts = real_texts(data)[corpus]
    foreign = [t for t in texts if any(unicodedata.category(c) == "Cn" for c in t)]
    assert foreign == (["\ufffe"] if corpus == "blns" else [])
    texts = [text for text in texts if text not in foreign]
    if PUBLISHED[name]:
        both.assert_equal_ids(texts)
    else:
        both.assert_equal_ids(texts, [unicodedata.normalize("NFC", text) for text in texts])


@pytest.mark.parametrize("corpus", ["udhr", "blns", "xquad"])
def test_real_text_gives_the_same_offsets_and_words(shared: Path, corpus: str) -> None:
    data = shared / "data"
    both = Both(str(data / "vocab" / "bert-base-uncased-vocab.txt"))
    both.assert_equal([t for t in real_texts(data)[corpus] if t != "\ufffe"][::7])


# --- the differences -----------------------------------------------------------------------------


def both_tokens(both: Both, text: str) -> tuple[list[str], list[str]]:
    return both.slow.tokenize(text), both.fast.tokenize(text)


def test_difference_composition() -> None:
    assert both_tokens(small(2), "e\u0301") == (["é"], ["e", "##\u0301"])
    assert both_tokens(small(1), "E\u0301") == (["é"], ["e", "##\u0301"])
    assert both_tokens(small(0), "e\u0301") == (["e"], ["e"])


def test_difference_special_tokens_in_lower_cased_text() -> None:
    vocab = {token: index for index, token in enumerate([*SPECIAL, "<", "e", ">", "<e>"])}
    both = Both(vocab, additional_special_tokens=["<e>"])
    assert both_tokens(both, "<E>") == (["<e>"], ["<", "e", ">"])
    assert both_tokens(both, "<e>") == (["<e>"], ["<e>"])


def test_difference_single_word_tokens_inside_words() -> None:
    both = Both({token: index for index, token in enumerate([*SPECIAL, *"abx", "##x", "##b"])})
    for tokenizer in (both.slow, both.fast):
        tokenizer.add_tokens([AddedToken("xx", single_word=True)])
    assert both_tokens(both, "axxb") == (["a", "##x", "##x", "b"], ["a", "##x", "##x", "##b"])
    assert both_tokens(both, "a xx b") == (["a", "xx", "b"], ["a", "xx", "b"])


def test_difference_unassigned_code_points() -> None:
    assert both_tokens(small(0), "a\ufffeb \U0003ffff") == (["ab"], ["[UNK]", "[UNK]"])


@pytest.mark.parametrize(
    ("char", "slow"),
    [
        ("\u2e43", ["a", "[UNK]", "b"]),  # punctuation of Unicode 9
        ("\u1dfb", ["ab"]),  # accent of Unicode 9
        ("\u08e2", ["ab"]),  # format character of Unicode 9
    ],
)
def test_difference_newer_characters(char: str, slow: list[str]) -> None:
    assert is_newer(char)
    assert both_tokens(small(0), f"a{char}b") == (slow, ["[UNK]"])


@pytest.mark.parametrize(
    ("char", "slow", "fast"),
    [
        ("\u166d", ["[UNK]"], ["a", "[UNK]", "b"]),  # was punctuation, is a symbol
        ("\u1734", ["[UNK]"], ["ab"]),  # was a non-spacing mark, is a spacing one
        ("\U000111c9", ["ab"], ["a", "[UNK]", "b"]),  # was punctuation, is a mark
    ],
)
def test_difference_changed_categories(char: str, slow: list[str], fast: list[str]) -> None:
    assert both_tokens(small(0), f"a{char}b") == (slow, fast)


def test_difference_first_ideographs_of_extension_e() -> None:
    assert both_tokens(small(0), "a\U0002b820b") == (["a", "[UNK]", "b"], ["[UNK]"])
    assert both_tokens(small(0), "a\U0002b920b") == (["a", "[UNK]", "b"], ["a", "[UNK]", "b"])
