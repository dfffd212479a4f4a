"""Rows from ids: template, truncation, padding and the masks, on both classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distilbert.errors import InputError


def test_a_special_tokens_mask_works_without_the_flag(tokenizer):
    assert tokenizer.get_special_tokens_mask([16, 17]) == [1, 0, 0, 1]
    assert tokenizer.get_special_tokens_mask([16], [17]) == [1, 0, 1, 0, 1]


def test_unknown_pieces_of_a_finished_row_are_text(tokenizer):
    row = [5, 4, 16, 6, 0]
    mask = tokenizer.get_special_tokens_mask(row, already_has_special_tokens=True)
    assert mask == [1, 0, 0, 1, 1]
    with pytest.raises(InputError, match="Pass the finished row as `token_ids_0`"):
        tokenizer.get_special_tokens_mask([5], [6], already_has_special_tokens=True)


def test_lengths_that_fit_leave_room_for_the_template(tokenizer):
    assert (tokenizer.max_len_single_sentence, tokenizer.max_len_sentences_pair) == (510, 509)


def test_prepared_ids_are_cut_and_padded(tokenizer):
    row = tokenizer.prepare_for_model([16, 17, 18], max_length=4, truncation=True)
    assert row["input_ids"] == [5, 16, 17, 6]
    row = tokenizer.prepare_for_model([16], padding="max_length", max_length=4, return_length=True)
    assert dict(row) == {"input_ids": [5, 16, 6, 0], "attention_mask": [1, 1, 1, 0], "length": 4}
    row = tokenizer.prepare_for_model([16], return_tensors="np", prepend_batch_axis=True)
    assert row["input_ids"].shape == (1, 3)


def test_ids_encode_like_text(tokenizer):
    assert tokenizer.encode([16, 17]) == [5, 16, 17, 6]
    assert tokenizer.encode([16], [17]) == [5, 16, 6, 17, 6]


def test_a_template_without_its_tokens_is_refused(tokenizer):
    tokenizer.sep_token = None
    with pytest.raises(
        InputError, match=r"needs `cls_token` and `sep_token`: got '\[CLS\]' and None"
    ):
        tokenizer.build_inputs_with_special_tokens([16])


def test_padding_leaves_the_input_as_it_was(tokenizer):
    given = {"input_ids": [[5, 6], [5]], "labels": [0, 1]}
    padded = tokenizer.pad(given)
    assert padded["input_ids"] == [[5, 6], [5, 0]]
    assert padded["labels"] == [0, 1]
    assert given == {"input_ids": [[5, 6], [5]], "labels": [0, 1]}


def test_padding_takes_tensors_and_gives_tensors_back(tokenizer):
    rows = [{"input_ids": torch.tensor([5, 6])}, {"input_ids": torch.tensor([5])}]
    assert tokenizer.pad(rows)["input_ids"].tolist() == [[5, 6], [5, 0]]
    one = tokenizer.pad({"input_ids": np.array([5, 6])}, padding="max_length", max_length=4)
    assert one["input_ids"].tolist() == [5, 6, 0, 0]
    block = tokenizer.pad({"input_ids": np.array([[5, 6]])}, pad_to_multiple_of=4)
    assert block["input_ids"].shape == (1, 4)


def test_padding_left_and_without_a_mask(uncased, tokenizer):
    left = type(tokenizer).from_pretrained(uncased, padding_side="left")
    padded = left.pad({"input_ids": [[5, 6], [5]]}, return_attention_mask=False)
    assert dict(padded) == {"input_ids": [[5, 6], [0, 5]]}


def test_nothing_to_pad_stays_nothing(tokenizer):
    assert dict(tokenizer.pad({"input_ids": []})) == {"input_ids": [], "attention_mask": []}
    assert dict(tokenizer.pad([])) == {"input_ids": [], "attention_mask": []}


def test_a_text_beyond_the_model_is_announced(tokenizer):
    tokenizer.model_max_length = 3
    with pytest.warns(UserWarning, match="A text has 4 tokens but the model takes 3"):
        tokenizer("a b")
