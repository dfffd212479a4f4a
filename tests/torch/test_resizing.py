"""Claims about `distilbert.torch.resizing`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from distilbert import DistilBertForMaskedLM, DistilBertForQuestionAnswering, DistilBertModel
from distilbert.checkpoint.init import sinusoid_table
from distilbert.errors import InputError


@pytest.fixture
def masked_lm(config):
    torch.manual_seed(0)
    return DistilBertForMaskedLM(config).eval()


@pytest.mark.parametrize("size", [120, 50])
@pytest.mark.parametrize("tied", [True, False])
def test_words_can_be_added_and_removed(config, size, tied) -> None:
    config.tie_word_embeddings = tied
    model = DistilBertForMaskedLM(config).eval()
    old = model.get_input_embeddings().weight.detach().clone()
    bias = torch.nn.init.normal_(model.vocab_projector.bias).detach().clone()
    projection = model.vocab_projector.weight.detach().clone()
    embedding = model.resize_token_embeddings(size)
    kept = min(size, 99)
    assert embedding is model.get_input_embeddings()
    assert embedding.num_embeddings == model.config.vocab_size == size
    assert embedding.weight.shape == model.vocab_projector.weight.shape == (size, 32)
    assert model.vocab_projector.out_features == size
    assert torch.equal(embedding.weight[:kept], old[:kept])
    assert torch.equal(model.vocab_projector.weight[:kept], projection[:kept])
    assert torch.equal(model.vocab_projector.bias[:kept], bias[:kept])
    assert model.vocab_projector.bias[kept:].abs().sum() == 0
    assert (model.vocab_projector.weight is embedding.weight) == tied
    ids = torch.tensor([[1, size - 1]])
    assert model(ids, labels=ids).logits.shape == (1, 2, size)


def test_new_words_are_drawn_like_fresh_ones(masked_lm) -> None:
    torch.manual_seed(3)
    masked_lm.resize_token_embeddings(2000)
    new = masked_lm.get_input_embeddings().weight[99:]
    assert new.std().item() == pytest.approx(0.02, rel=0.05)
    assert new.mean().item() == pytest.approx(0, abs=0.001)


def test_the_size_can_be_rounded_up_or_kept(masked_lm) -> None:
    assert masked_lm.resize_token_embeddings().num_embeddings == 99
    assert masked_lm.resize_token_embeddings(99).num_embeddings == 99
    assert masked_lm.resize_token_embeddings(100, pad_to_multiple_of=8).num_embeddings == 104
    assert masked_lm.resize_token_embeddings(pad_to_multiple_of=10).num_embeddings == 110


def test_a_resized_model_is_saved_and_loaded(masked_lm, tmp_path) -> None:
    masked_lm.resize_token_embeddings(120)
    masked_lm.resize_position_embeddings(64)
    masked_lm.save_pretrained(tmp_path)
    again = DistilBertForMaskedLM.from_pretrained(tmp_path)
    ids = torch.randint(1, 120, (1, 64))
    torch.testing.assert_close(again(ids).logits, masked_lm(ids).logits)


def test_removing_the_padding_word_drops_its_special_role(config) -> None:
    config.pad_token_id = 90
    model = DistilBertModel(config)
    model.resize_token_embeddings(50)
    assert model.get_input_embeddings().padding_idx is None
    model(torch.tensor([[1, 49]]))


def test_longer_inputs_work_after_positions_were_added(config) -> None:
    """Flaw 18 of the reference: longer inputs still failed."""
    model = DistilBertForQuestionAnswering(config).eval()
    old = model.get_position_embeddings().weight.detach().clone()
    short = torch.randint(1, 99, (1, 40))
    before = model(short).start_logits
    model.resize_position_embeddings(64)
    assert model.config.max_position_embeddings == 64
    assert torch.equal(model.get_position_embeddings().weight[:40], old)
    torch.testing.assert_close(model(short).start_logits, before)
    assert model(torch.ones(1, 64, dtype=torch.long)).start_logits.shape == (1, 64)
    with pytest.raises(IndexError, match="at most 64"):
        model(torch.ones(1, 65, dtype=torch.long))


def test_positions_can_be_removed(config) -> None:
    model = DistilBertModel(config).eval()
    before = model(torch.ones(1, 12, dtype=torch.long))[0]
    model.resize_position_embeddings(12)
    torch.testing.assert_close(model(torch.ones(1, 12, dtype=torch.long))[0], before)
    with pytest.raises(IndexError, match="at most 12"):
        model(torch.ones(1, 13, dtype=torch.long))
    model.resize_position_embeddings(12)


@pytest.mark.parametrize("size", [64, 10])
def test_sinusoidal_positions_are_computed_for_the_new_size(config, size) -> None:
    """Flaw 18 of the reference: AttributeError."""
    config.sinusoidal_pos_embds = True
    model = DistilBertModel(config).double()
    model.resize_position_embeddings(size)
    weight = model.get_position_embeddings().weight
    np.testing.assert_array_equal(weight.detach().float().numpy(), sinusoid_table(size, 32))
    assert not weight.requires_grad
    assert weight.dtype == torch.float64
    model(torch.ones(1, size, dtype=torch.long))


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_sizes_must_be_positive_whole_numbers(masked_lm, size) -> None:
    with pytest.raises(InputError, match=r"`new_num_tokens` must be an integer >= 1: got"):
        masked_lm.resize_token_embeddings(size)
    with pytest.raises(InputError, match=r"`new_num_position_embeddings` must be an integer"):
        masked_lm.resize_position_embeddings(size)
