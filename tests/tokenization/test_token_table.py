"""Tokens, ids, special and added tokens on both classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import AddedToken

from distilbert.errors import InputError


def test_ids_of_any_kind_become_tokens(tokenizer):
    expected = ["[CLS]", "a", "[SEP]"]
    for ids in ([5, 16, 6], np.array([5, 16, 6]), torch.tensor([5, 16, 6])):
        assert tokenizer.convert_ids_to_tokens(ids) == expected
        assert tokenizer.decode(ids) == "[CLS] a [SEP]"
    assert tokenizer.convert_ids_to_tokens(np.int64(16)) == "a"
    assert tokenizer.batch_decode(torch.tensor([[5, 16], [16, 6]])) == ["[CLS] a", "a [SEP]"]


def test_one_id_decodes_like_a_list_of_one(tokenizer):
    assert tokenizer.decode(196) == tokenizer.decode([196]) == "wa"


def test_decoding_cleans_up_by_default_and_on_demand(slow):
    ids = slow.convert_tokens_to_ids(["a", ",", "b"])
    assert slow.decode(ids) == "a, b"
    assert slow.decode(ids, clean_up_tokenization_spaces=False) == "a , b"
    assert slow.clean_up_tokenization("do n't he 's . ok !") == "don't he's. ok!"


def test_unknown_tokens_get_the_unknown_id(tokenizer):
    assert tokenizer.convert_tokens_to_ids("nowhere") == 4
    assert tokenizer.convert_tokens_to_ids(None) is None


def test_a_list_is_converted_one_level_deep(slow, fast):
    assert slow.convert_tokens_to_ids([3, None, ("a", "b")]) == [4, 4, 4]
    with pytest.raises(TypeError):
        fast.convert_tokens_to_ids([["a"]])


def test_the_same_token_added_twice_counts_once(slow, fast):
    assert slow.add_tokens("new") == fast.add_tokens("new") == 1
    assert slow.add_tokens(["new", ""]) == fast.add_tokens(["new", ""]) == 0
    assert len(slow) == len(fast) == 206
    assert slow.vocab_size == fast.vocab_size == 205


def test_an_added_token_may_have_settings(tokenizer):
    given = AddedToken("<x>", single_word=True, normalized=False)
    assert tokenizer.add_tokens(given) == 1
    assert tokenizer.tokenize("a <x> b") == ["a", "<x>", "b"]
    assert tokenizer.added_tokens_decoder[205].single_word


def test_adding_special_tokens_by_name(tokenizer):
    assert tokenizer.add_special_tokens({"bos_token": "<s>", "eos_token": "[SEP]"}) == 1
    assert (tokenizer.bos_token, tokenizer.bos_token_id, tokenizer.eos_token_id) == ("<s>", 205, 6)
    assert tokenizer.all_special_tokens[0] == "<s>"
    assert tokenizer.special_tokens_map["bos_token"] == "<s>"
    assert tokenizer.add_special_tokens({}) == 0


def test_additional_special_tokens_are_replaced_or_extended(tokenizer):
    name = "additional_special_tokens"
    tokenizer.add_special_tokens({name: ["<a>"]})
    tokenizer.add_special_tokens({name: ["<a>", "<b>"]}, replace_additional_special_tokens=False)
    assert tokenizer.additional_special_tokens == ["<a>", "<b>"]
    assert tokenizer.additional_special_tokens_ids == [205, 206]
    assert tokenizer.special_tokens_map[name] == ["<a>", "<b>"]
    tokenizer.additional_special_tokens = ["<c>"]
    assert tokenizer.additional_special_tokens == ["<c>"]


def test_wrong_tokens_are_refused(tokenizer):
    with pytest.raises(InputError, match=r"Special tokens have the names .* got \['cls'\]"):
        tokenizer.add_special_tokens({"cls": "x"})
    with pytest.raises(InputError, match="A token must be text or an AddedToken: got 5"):
        tokenizer.add_tokens([5])
    with pytest.raises(InputError, match="must be a list of tokens: got '<a>'"):
        tokenizer.additional_special_tokens = "<a>"


def test_an_added_token_stands_alone_in_decoded_text(tokenizer):
    tokenizer.add_tokens(["newtok"])
    ids = tokenizer.convert_tokens_to_ids(["a", "newtok", "b", "##a"])
    assert tokenizer.decode(ids) == "a newtok ba"


def test_a_special_tokens_mask_works_without_the_flag(tokenizer):
    assert tokenizer.get_special_tokens_mask([16, 17]) == [1, 0, 0, 1]
    assert tokenizer.get_special_tokens_mask([16], [17]) == [1, 0, 1, 0, 1]


def test_unknown_pieces_of_a_finished_row_are_text(tokenizer):
    row = [5, 4, 16, 6, 0]
    mask = tokenizer.get_special_tokens_mask(row, already_has_special_tokens=True)
    assert mask == [1, 0, 0, 1, 1]
    with pytest.raises(InputError, match="Pass the finished row as `token_ids_0`"):
        tokenizer.get_special_tokens_mask([5], [6], already_has_special_tokens=True)


def test_a_template_without_its_tokens_is_refused(tokenizer):
    tokenizer.sep_token = None
    with pytest.raises(
        InputError, match=r"needs `cls_token` and `sep_token`: got '\[CLS\]' and None"
    ):
        tokenizer.build_inputs_with_special_tokens([16])


def test_the_vocabulary_is_read_in_both_directions(tokenizer):
    tokenizer.add_tokens("newtok")
    assert tokenizer.vocab["a"] == 16
    assert ("newtok" in tokenizer.vocab) == tokenizer.is_fast  # as in the reference
    assert list(tokenizer.ids_to_tokens)[:3] == [0, 1, 2]
    assert tokenizer.ids_to_tokens[16] == "a"


def test_the_extended_members_hold_tokens(tokenizer):
    extra = AddedToken("<x>", lstrip=True)
    tokenizer.add_special_tokens({"additional_special_tokens": [extra]})
    extended = tokenizer.special_tokens_map_extended
    assert {name: str(token) for name, token in extended.items() if name.endswith("token")} == {
        name: text for name, text in tokenizer.special_tokens_map.items() if name.endswith("token")
    }
    assert extended["additional_special_tokens"][0].lstrip
    tokens = tokenizer.all_special_tokens_extended
    assert [token.content for token in tokens] == tokenizer.all_special_tokens


def test_what_is_no_row_of_ids_is_refused(tokenizer):
    for wrong in (None, [[16]], "16", [1.5], {"input_ids": [16]}):
        with pytest.raises(InputError, match="one whole number or one row of them"):
            tokenizer.decode(wrong)
    assert tokenizer.convert_ids_to_tokens(range(16, 18)) == ["a", "b"]


def test_special_tokens_given_as_none_are_refused_by_name(tokenizer):
    with pytest.raises(InputError, match="got cls_token=None"):
        tokenizer.add_special_tokens({"cls_token": None})
