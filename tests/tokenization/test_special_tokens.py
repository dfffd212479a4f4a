"""Special tokens are read and set by name and by id; the caller's object stays as it is."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.tokenization.special_tokens import (
    SpecialTokens,
    as_special_token,
    copy_token,
    token_facts,
    token_from_facts,
)


def test_a_special_token_is_set_by_text_or_by_id(tokenizer):
    tokenizer.pad_token = "[unused1]"
    assert tokenizer.pad_token_id == 2
    tokenizer.pad_token_id = 0
    assert tokenizer.pad_token == "[PAD]"
    tokenizer.pad_token = None
    assert tokenizer.pad_token_id is None
    tokenizer.mask_token_id = None
    assert tokenizer.mask_token is None


def test_a_new_template_token_is_used_by_the_next_call(tokenizer):
    tokenizer.cls_token = "[unused0]"
    assert tokenizer("a")["input_ids"] == [1, 16, 6]
    assert tokenizer.build_inputs_with_special_tokens([16]) == [1, 16, 6]


def test_text_becomes_a_token_that_matches_exactly():
    token = as_special_token("[X]", name="cls_token")
    assert token_facts(token) == {
        "content": "[X]",
        "lstrip": False,
        "normalized": False,
        "rstrip": False,
        "single_word": False,
        "special": True,
    }


def test_a_given_token_keeps_its_settings_and_stays_as_it_was():
    given = AddedToken("[X]", lstrip=True)
    assert as_special_token(given, name="cls_token").lstrip
    assert not given.special
    assert copy_token(given, content="[Y]").lstrip


def test_facts_of_other_software_are_left_out():
    token = token_from_facts({"__type": "AddedToken", "id": 3, "content": "x", "rstrip": True})
    assert (token.content, token.rstrip) == ("x", True)


def test_a_number_is_no_token(tokenizer):
    with pytest.raises(
        InputError, match="A special token must be text or an AddedToken: got cls_token=5"
    ):
        tokenizer.cls_token = 5


def test_tokens_are_taken_from_keywords():
    keywords = {"bos_token": "<s>", "additional_special_tokens": ["<x>", "[SEP]"], "other": 3}
    tokens = SpecialTokens.take_from(keywords, None, "[SEP]", None, None, None)
    assert keywords == {"other": 3}
    assert (tokens.text("bos_token"), tokens.text("cls_token")) == ("<s>", None)
    assert list(tokens.tokens()) == ["<s>", "[SEP]", "<x>"]


def test_an_update_leaves_the_original_as_it_was():
    tokens = SpecialTokens.take_from({}, None, None, None, "[CLS]", None)
    changed = tokens.updated({"cls_token": None, "additional_special_tokens": ["<x>"]})
    assert (tokens.text("cls_token"), tokens.additional) == ("[CLS]", [])
    assert list(changed.tokens()) == ["<x>"]
