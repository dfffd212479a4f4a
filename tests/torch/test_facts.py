"""Sizes and masks of a model."""

from __future__ import annotations

import pytest
import torch

from distilbert import DistilBertForMaskedLM, DistilBertModel
from distilbert.errors import InputError


def test_parameters_are_counted_once(config):
    model = DistilBertForMaskedLM(config)
    distinct = {id(p): p.numel() for p in model.parameters()}
    assert model.num_parameters() == sum(distinct.values())
    model.get_input_embeddings().weight.requires_grad_(False)
    assert model.num_parameters(only_trainable=True) == model.num_parameters() - 99 * 32
    assert model.num_parameters(exclude_embeddings=True) == model.num_parameters() - (99 + 40) * 32


def test_head_masks_get_one_form(config):
    model = DistilBertModel(config).half()
    assert model.get_head_mask(None, 2) == [None, None]
    mask = model.get_head_mask(torch.ones(4), 2)
    assert (mask.shape, mask.dtype) == ((2, 1, 4, 1, 1), torch.float16)
    with pytest.raises(InputError, match="`head_mask` must be"):
        model.get_head_mask(torch.ones(3, 4), 2)


def test_memory_and_vocabulary_follow_a_change_of_size(config):
    model = DistilBertForMaskedLM(config)
    before = model.get_memory_footprint()
    assert before == 4 * model.num_parameters()
    model.resize_token_embeddings(109)
    assert model.vocab_size == 109
    model.vocab_size = 109  # as constructors of child classes do
    with pytest.raises(InputError, match="is that of its word embedding, 109: got 99"):
        model.vocab_size = 99
    assert model.get_memory_footprint() == before + 4 * 10 * (32 + 1)
    assert not model.can_generate()


def test_an_extended_mask_is_what_is_added_to_scores(config):
    model = DistilBertModel(config)
    mask = torch.tensor([[1, 1, 0]])
    lowest = torch.finfo(torch.float32).min
    extended = model.get_extended_attention_mask(mask, (1, 3))
    assert extended.tolist() == [[[[0, 0, lowest]]]]
    square = model.get_extended_attention_mask(mask[:, None].expand(1, 3, 3), (1, 3))
    assert square.shape == (1, 1, 3, 3)
    assert model.get_extended_attention_mask(mask, (1, 3), dtype=torch.half).dtype == torch.half
    with pytest.raises(InputError, match=r"must be \(B, S\) or \(B, S, S\): got \(3,\)"):
        model.get_extended_attention_mask(mask[0], (3,))
