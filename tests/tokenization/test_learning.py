"""The learned vocabulary: special tokens, letters, pieces, and what is refused."""

from __future__ import annotations

import pytest
from tokenizers import normalizers

from distilbert.errors import InputError
from distilbert.tokenization.learning import learn_vocabulary

PLAIN = normalizers.BertNormalizer()


def test_special_tokens_and_letters_come_before_pieces() -> None:
    vocabulary = learn_vocabulary(
        PLAIN, texts=["ab ab AB"], vocab_size=20, special_tokens=["[PAD]", "[UNK]"]
    )
    assert vocabulary == {"[PAD]": 0, "[UNK]": 1, "a": 2, "b": 3, "##b": 4, "ab": 5}


def test_a_lone_surrogate_stops_nothing() -> None:
    vocabulary = learn_vocabulary(
        PLAIN, texts=["a \ud83d b"], vocab_size=9, special_tokens=["[UNK]"]
    )
    assert vocabulary == {"[UNK]": 0, "a": 1, "b": 2}


@pytest.mark.parametrize(
    ("texts", "message"),
    [([], "got vocab_size=9 and 0 letters"), ([["a"]], "must be a string: got list")],
)
def test_no_text_and_values_of_another_kind_are_refused(texts, message) -> None:
    with pytest.raises(InputError, match=message):
        learn_vocabulary(PLAIN, texts=texts, vocab_size=9, special_tokens=["[UNK]"])
