"""Special tokens are read and set by name and by id; the caller's object stays as it is."""

from __future__ import annotations

import pytest
from tokenizers import AddedToken

from distilbert.errors import InputError
from distilbert.tokenization.fast import DistilBertTokenizerFast
from distilbert.tokenization.slow import DistilBertTokenizer
from distilbert.tokenization.special_tokens import (
    NAMES,
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


@pytest.mark.parametrize("name", NAMES)
def test_every_special_token_can_be_unset_and_set_again(tokenizer, name):
    known = tokenizer.encode("a \u2603 b")
    setattr(tokenizer, name, None)
    assert (getattr(tokenizer, name), getattr(tokenizer, f"{name}_id")) == (None, None)
    assert tokenizer.encode("a \u2603 b", add_special_tokens=False) == known[1:-1]
    setattr(tokenizer, f"{name}_id", 1)
    assert (getattr(tokenizer, name), getattr(tokenizer, f"{name}_id")) == ("[unused0]", 1)


def test_a_refused_token_leaves_the_tokenizer_as_it_was(tokenizer):
    before = tokenizer("a \u2603 b").data
    changes = [("unk_token", "nowhere"), ("cls_token", 5), ("unk_token_id", 9999)]
    changes += [("mask_token_id", "[MASK]"), ("additional_special_tokens_ids", [9999])]
    changes += [("pad_token", "\ud83d")]
    for name, value in changes:
        with pytest.raises(InputError):
            setattr(tokenizer, name, value)
        assert tokenizer("a \u2603 b").data == before
    assert tokenizer.all_special_tokens == ["[UNK]", "[SEP]", "[PAD]", "[CLS]", "[MASK]"]


def test_an_unknown_token_that_has_no_id_is_added_by_name(tokenizer, tmp_path):
    with pytest.raises(InputError, match=r"must be in the vocabulary: got '<u>'\. Add it"):
        tokenizer.unk_token = "<u>"
    assert tokenizer.add_special_tokens({"unk_token": "<u>"}) == 1
    assert tokenizer.encode("\u2603", add_special_tokens=False) == [205]
    tokenizer.save_pretrained(tmp_path)
    for cls in (DistilBertTokenizer, DistilBertTokenizerFast):
        assert cls.from_pretrained(tmp_path)("a \u2603")["input_ids"] == [5, 16, 205, 6]


def test_additional_tokens_are_set_by_their_ids(tokenizer):
    tokenizer.additional_special_tokens_ids = [1, 2]
    assert tokenizer.additional_special_tokens == ["[unused0]", "[unused1]"]
    tokenizer.additional_special_tokens_ids = []
    assert tokenizer.additional_special_tokens_ids == []


def test_tokens_are_renamed_and_appended():
    tokens = SpecialTokens.take_from({}, "[UNK]", None, None, None, AddedToken("[M]", lstrip=True))
    changed = tokens.renamed({"[M]": "<m>"}, new=["<x>"])
    assert (changed.text("mask_token"), changed.text("unk_token")) == ("<m>", "[UNK]")
    assert changed.tokens()["<m>"].lstrip
    assert [token.content for token in changed.additional] == ["<x>"]
