"""`BatchEncoding` is a mapping of columns that knows the way back to the text."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping

import pytest
import torch

from distilbert.errors import InputError
from distilbert.tokenization.batch_encoding import BatchEncoding, CharSpan, TokenSpan

TEXT = "Who was Jim Henson?"


def test_columns_are_read_by_name_by_attribute_and_unpacked(tokenizer):
    encoded = tokenizer(TEXT)
    assert isinstance(encoded, Mapping)
    assert encoded["input_ids"] == encoded.input_ids == dict(**encoded)["input_ids"]
    assert list(encoded.keys()) == list(encoded) == ["input_ids", "attention_mask"]
    assert "input_ids" in encoded
    assert "labels" not in encoded


def test_an_unknown_attribute_is_an_attribute_error(tokenizer):
    with pytest.raises(AttributeError, match="no column or attribute 'labels'"):
        _ = tokenizer(TEXT).labels


def test_both_classes_lead_from_tokens_to_the_text_and_back(tokenizer):
    encoded = tokenizer([[TEXT, "Jim"]])
    assert encoded.tokens(0)[:3] == ["[CLS]", "w", "##ho"]
    assert encoded.word_ids(0)[:4] == encoded.words(0)[:4] == [None, 0, 0, 1]
    assert encoded.sequence_ids(0)[-3:] == [None, 1, None]
    assert encoded.token_to_word(0, 2) == encoded.token_to_word(2) == 0
    assert encoded.token_to_sequence(0, -2) == 1
    assert encoded.token_to_chars(0, 2) == CharSpan(1, 3)
    assert encoded.token_to_chars(0) is None
    assert encoded.word_to_tokens(0, 1) == TokenSpan(3, 5)
    assert encoded.word_to_tokens(0, 0, 1) == TokenSpan(10, 11)
    assert encoded.word_to_tokens(99) is None
    assert encoded.word_to_chars(0, 2) == CharSpan(8, 11)
    assert encoded.word_to_chars(99) is None
    assert encoded.char_to_token(0, 4) == 3
    assert encoded.char_to_token(3) is None
    assert encoded.char_to_word(0, 6) == 1
    assert encoded.n_sequences == 2


def test_rows_asked_for_later_are_padded_like_the_columns(tokenizer):
    encoded = tokenizer([TEXT, "a"], padding=True)
    assert encoded.tokens(1) == ["[CLS]", "a", "[SEP]"] + ["[PAD]"] * 7
    assert encoded.word_ids(1)[3:] == [None] * 7
    assert encoded.encodings[1].ids == encoded["input_ids"][1]


def test_the_fast_result_hands_out_rows_the_slow_one_slices(fast, slow):
    assert fast(TEXT)[0].tokens[1] == "w"
    assert len(fast([TEXT, "a"])[0:1]) == 1
    assert slow([TEXT, "a"])[1:] == {"input_ids": [[5, 16, 6]], "attention_mask": [[1, 1, 1]]}
    with pytest.raises(KeyError, match=r"Its rows are in `\.encodings`"):
        _ = slow([TEXT])[0]
    assert (fast(TEXT).is_fast, slow(TEXT).is_fast) == (True, False)


def test_copies_and_pickles_keep_columns_and_rows(tokenizer):
    encoded = tokenizer(TEXT)
    for twin in (pickle.loads(pickle.dumps(encoded)), copy.copy(encoded), encoded.copy()):
        assert twin.data == encoded.data
        assert twin.word_ids() == encoded.word_ids()
        assert twin.is_fast == encoded.is_fast


def test_a_result_made_from_ids_knows_no_words(tokenizer):
    padded = tokenizer.pad({"input_ids": [[5, 6], [5]]})
    assert padded.encodings is None
    assert padded.n_sequences is None
    with pytest.raises(ValueError, match="this one was made from ids"):
        padded.word_ids()


def test_to_moves_tensors_and_keeps_the_rest(tokenizer):
    encoded = tokenizer(TEXT, return_tensors="pt")
    encoded["note"] = "kept"
    assert encoded.to("cpu") is encoded
    assert encoded["input_ids"].device == torch.device("cpu")
    assert encoded["note"] == "kept"
    with pytest.raises(InputError, match="Pass `return_tensors='pt'`"):
        tokenizer(TEXT).to("cpu")


def test_columns_become_tensors_afterwards_too(tokenizer):
    encoded = tokenizer(TEXT).convert_to_tensors("pt", prepend_batch_axis=True)
    assert encoded["input_ids"].shape == (1, 10)
    assert encoded.convert_to_tensors("pt")["input_ids"].shape == (1, 10)
    assert encoded.convert_to_tensors() is encoded


def test_an_empty_result_is_possible():
    assert dict(BatchEncoding()) == {}
    assert BatchEncoding().to("cpu") == {}
