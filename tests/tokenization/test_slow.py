"""What is particular to the slow class: its signature, its lengths, its quiet failures."""

from __future__ import annotations

import inspect
import logging

import pytest
from tokenizers import AddedToken

from distilbert.tokenization.slow import DistilBertTokenizer

SIGNATURE = (
    "vocab_file, do_lower_case=True, do_basic_tokenize=True, never_split=None, unk_token='[UNK]', "
    "sep_token='[SEP]', pad_token='[PAD]', cls_token='[CLS]', mask_token='[MASK]', "
    "tokenize_chinese_chars=True, strip_accents=None, **kwargs"
)


def plain_signature(function) -> str:
    signature = inspect.signature(function)
    parameters = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    text = str(signature.replace(parameters=parameters, return_annotation=signature.empty))
    return text[1:-1]


def test_the_constructor_has_the_signature_of_the_page():
    assert plain_signature(DistilBertTokenizer) == SIGNATURE


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("build_inputs_with_special_tokens", "self, token_ids_0, token_ids_1=None"),
        ("create_token_type_ids_from_sequences", "self, token_ids_0, token_ids_1=None"),
        (
            "get_special_tokens_mask",
            "self, token_ids_0, token_ids_1=None, already_has_special_tokens=False",
        ),
        ("convert_tokens_to_string", "self, tokens"),
    ],
)
def test_the_methods_have_the_signatures_of_the_page(name, expected):
    assert plain_signature(getattr(DistilBertTokenizer, name)) == expected


def test_a_vocabulary_may_be_a_dict():
    tokenizer = DistilBertTokenizer({"[UNK]": 0, "[SEP]": 1, "[PAD]": 2, "[CLS]": 3, "a": 4})
    assert tokenizer("a")["input_ids"] == [3, 4, 1]
    assert tokenizer.mask_token_id == 5  # added behind the vocabulary


def test_lower_casing_is_known_without_the_basic_tokenizer(uncased):
    tokenizer = DistilBertTokenizer.from_pretrained(uncased, do_basic_tokenize=False)
    assert tokenizer.do_lower_case
    assert tokenizer.tokenize("a B") == ["a", "[UNK]"]


def test_words_may_be_protected_from_splitting(uncased):
    tokenizer = DistilBertTokenizer.from_pretrained(uncased, never_split=["a-b"])
    assert tokenizer.tokenize("a-b") == ["a-b"]


def test_unknown_keywords_are_ignored_with_a_warning(slow):
    with pytest.warns(UserWarning, match="ignores unknown keywords: got shade"):
        assert slow("a", shade=3)["input_ids"] == [5, 16, 6]


def test_a_truncation_that_cannot_help_is_logged(slow, caplog):
    with caplog.at_level(logging.ERROR):
        encoded = slow("a", "b b b b", truncation="only_first", max_length=5)
    assert len(encoded["input_ids"]) == 8
    assert "choose another `truncation`" in caplog.text


def test_lengths_count_padding_for_one_text_only(slow):
    batch = slow(["a b", "a"], padding=True, return_length=True)
    assert batch["length"] == [4, 3]
    assert slow("a", padding="max_length", max_length=6, return_length=True)["length"] == 6


def test_an_empty_second_text_keeps_the_pair_template(slow):
    assert slow("a", "")["input_ids"] == [5, 16, 6, 6]


def test_truncated_rows_know_their_words(slow):
    encoded = slow("Hello dog", "a", truncation=True, max_length=5, return_offsets_mapping=True)
    assert encoded["input_ids"] == encoded.encodings[0].ids
    assert encoded["offset_mapping"] == [(0, 0), (0, 2), (0, 0), (0, 1), (0, 0)]


def test_a_token_added_as_special_becomes_an_additional_one(slow):
    slow.add_tokens(["<x>"], special_tokens=True)
    assert slow.additional_special_tokens == ["<x>"]


def test_special_and_added_tokens_can_be_split_like_text(slow, uncased):
    slow.add_special_tokens({"additional_special_tokens": [AddedToken("[HELLO]", lstrip=True)]})
    slow.add_tokens("newtok")
    assert slow.tokenize("a [HELLO]") == ["a", "[hello]"]
    pieces = slow.tokenize("a [HELLO] [MASK] newtok", split_special_tokens=True)
    assert pieces[:2] == ["a", "["]
    assert not {"[HELLO]", "[hello]", "[MASK]", "newtok"} & {*pieces}
    encoded = slow("a [MASK]", split_special_tokens=True, return_offsets_mapping=True)
    assert encoded["offset_mapping"][1:3] == [(0, 1), (2, 3)]
    assert encoded.tokens()[-2] == "]"
    always = DistilBertTokenizer.from_pretrained(uncased, split_special_tokens=True)
    assert always.tokenize("[MASK]") == slow.tokenize("[MASK]", split_special_tokens=True)
    assert always.tokenize("[MASK]", split_special_tokens=False) == ["[MASK]"]
    assert always.token_ids(["[MASK]"])[0].tolist() == always.encode("[MASK]")[1:-1]


def test_texts_around_added_tokens_can_be_joined_without_spaces(slow):
    slow.add_tokens("newtok")
    ids = slow.encode("a newtok b", add_special_tokens=False)
    assert slow.decode(ids) == "a newtok b"
    assert slow.decode(ids, spaces_between_special_tokens=False) == "anewtokb"
    assert slow.batch_decode([ids], spaces_between_special_tokens=False) == ["anewtokb"]
