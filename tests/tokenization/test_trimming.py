"""A trimmed tokenizer has the kept tokens alone, and turns no known word into `[UNK]`."""

from __future__ import annotations

import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken

from distilbert import DistilBertTokenizer, DistilBertTokenizerFast
from distilbert.errors import InputError
from distilbert.tokenization.trimming import kept_ids, trimmed

SPECIAL = ["[PAD]", "[unused0]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
LETTERS = [prefix + char for prefix in ("", "##") for char in string.ascii_lowercase + "[]0"]
PIECES = ["walk", "##ing", "##ed", "talk", "Zug", "##éé", "the"]
WORDS = {word: index for index, word in enumerate([*SPECIAL, *PIECES, *LETTERS])}
KINDS = (DistilBertTokenizer, DistilBertTokenizerFast)
# `Z` and `é` are no pieces: what contains them cannot be written without it.
N_NECESSARY = 5 + len(LETTERS) + 2
TEXTS = ("the walking [MASK] talked", "Zug walkéé", "x<a>y [unused0] zurich", "unknown é")


@pytest.fixture(params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.param(WORDS, do_lower_case=False)


def counts_of(**times: int) -> np.ndarray:
    counts = np.zeros(len(WORDS), dtype=np.int64)
    for word, count in times.items():
        counts[WORDS[word]] = count
    return counts


def test_the_most_frequent_pieces_stay_with_characters_and_special_tokens(tokenizer: Any) -> None:
    kept = kept_ids(tokenizer, counts_of(talk=5, the=9), N_NECESSARY + 2)
    assert kept.tolist() == sorted(kept)
    tokens = tokenizer.convert_ids_to_tokens(kept.tolist())
    assert {*WORDS} - {*tokens} == {"[unused0]", "walk", "##ing", "##ed"}
    small = trimmed(tokenizer, kept)
    assert (len(small), len(tokenizer)) == (len(kept), len(WORDS))
    assert (small.pad_token_id, small.unk_token_id, small.mask_token_id) == (0, 1, 4)
    assert small.tokenize("walking the talk") == [
        *["w", "##a", "##l", "##k", "##i", "##n", "##g"],
        "the",
        "talk",
    ]
    assert small.tokenize("Zug walkéé") == ["Zug", *["w", "##a", "##l", "##k", "##éé"]]


def test_of_equally_frequent_pieces_the_first_stay(tokenizer: Any) -> None:
    kept = kept_ids(tokenizer, counts_of(), N_NECESSARY + 1)
    assert "[unused0]" in tokenizer.convert_ids_to_tokens(kept.tolist())


def test_added_tokens_stay_and_both_tokenizers_read_what_either_saves(
    tokenizer: Any, tmp_path: Path
) -> None:
    tokenizer.add_tokens(["<a>", AddedToken("zurich", single_word=True)])
    tokenizer.add_special_tokens({"additional_special_tokens": ["[unused0]"]})
    counts = np.zeros(len(tokenizer), dtype=np.int64)
    small = trimmed(tokenizer, kept_ids(tokenizer, counts, N_NECESSARY + 4))
    assert [*small.added_tokens_encoder.items()][-2:] == [
        ("<a>", len(small) - 2),
        ("zurich", len(small) - 1),
    ]
    assert small.additional_special_tokens_ids == [1]
    small.save_pretrained(tmp_path)
    for kind in KINDS:
        read = kind.from_pretrained(tmp_path)
        assert read.get_vocab() == small.get_vocab()
        for text in TEXTS:
            assert read.encode(text) == small.encode(text)
            was, now = tokenizer.tokenize(text), small.tokenize(text)
            assert was.count("[UNK]") == now.count("[UNK]")
            assert "".join(was).replace("##", "") == "".join(now).replace("##", "")


def test_the_tokenizer_stays_as_it_was(tokenizer: Any) -> None:
    before = tokenizer.get_vocab(), tokenizer.encode(TEXTS[0])
    small = trimmed(tokenizer, kept_ids(tokenizer, counts_of(), N_NECESSARY))
    small.add_tokens(["new"])
    small.model_max_length = 8
    assert (tokenizer.get_vocab(), tokenizer.encode(TEXTS[0])) == before
    assert tokenizer.model_max_length != 8


@pytest.mark.parametrize("vocab_size", [1, N_NECESSARY - 1, len(WORDS) + 1])
def test_a_size_that_is_not_possible_is_refused(tokenizer: Any, vocab_size: int) -> None:
    message = f"between {N_NECESSARY}, .* and {len(WORDS)}, the size .*: got {vocab_size}"
    with pytest.raises(InputError, match=message):
        kept_ids(tokenizer, counts_of(), vocab_size)
