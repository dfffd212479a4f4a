"""What every model of the room can do besides computing."""

from __future__ import annotations

import pytest
import torch

from distilbert import DistilBertForMaskedLM, DistilBertForSequenceClassification, DistilBertModel
from distilbert.errors import InputError


def test_parts_are_found_under_every_head(config):
    base, head = DistilBertModel(config), DistilBertForSequenceClassification(config)
    assert base.base_model is base
    assert head.base_model is head.distilbert
    assert head.get_output_embeddings() is None
    assert head.get_position_embeddings() is head.distilbert.embeddings.position_embeddings
    new = torch.nn.Embedding(99, 32)
    head.set_input_embeddings(new)
    assert head.get_input_embeddings() is new


def test_a_new_embedding_is_tied_again_when_asked(config):
    model = DistilBertForMaskedLM(config)
    model.set_input_embeddings(torch.nn.Embedding(50, 32))
    model.tie_weights()
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_parameters_are_counted_once(config):
    model = DistilBertForMaskedLM(config)
    distinct = {id(p): p.numel() for p in model.parameters()}
    assert model.num_parameters() == sum(distinct.values())
    model.get_input_embeddings().weight.requires_grad_(False)
    assert model.num_parameters(only_trainable=True) == model.num_parameters() - 99 * 32
    assert model.num_parameters(exclude_embeddings=True) == model.num_parameters() - (99 + 40) * 32


def test_initial_weights_follow_the_seed(config):
    first, second = DistilBertModel(config), DistilBertModel(config)
    first.init_weights(seed=7)
    second.init_weights(seed=7)
    for one, other in zip(first.parameters(), second.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)
    torch.manual_seed(1)
    third = DistilBertModel(config)
    torch.manual_seed(1)
    fourth = DistilBertModel(config)
    name = "transformer.layer.1.ffn.lin2.weight"
    torch.testing.assert_close(third.get_parameter(name), fourth.get_parameter(name))


def test_head_masks_get_one_form(config):
    model = DistilBertModel(config).half()
    assert model.get_head_mask(None, 2) == [None, None]
    mask = model.get_head_mask(torch.ones(4), 2)
    assert (mask.shape, mask.dtype) == ((2, 1, 4, 1, 1), torch.float16)
    with pytest.raises(InputError, match="`head_mask` must be"):
        model.get_head_mask(torch.ones(3, 4), 2)


def test_dummy_inputs_run_and_attention_can_be_exchanged(config):
    model = DistilBertModel(config).eval()
    fused = model(**model.dummy_inputs).last_hidden_state
    model.set_attn_implementation("eager")
    torch.testing.assert_close(model(**model.dummy_inputs).last_hidden_state, fused)


def test_checkpointing_gives_the_same_gradients(config, ids):
    model = DistilBertModel(config).train()

    def gradient():
        model.zero_grad()
        model(ids).last_hidden_state.square().sum().backward()
        return model.transformer.layer[0].ffn.lin1.weight.grad.clone()

    plain = gradient()
    model.gradient_checkpointing_enable()
    assert model.is_gradient_checkpointing
    torch.testing.assert_close(gradient(), plain)
    model.gradient_checkpointing_disable()
    assert not model.is_gradient_checkpointing


def test_saving_twice_and_not_on_other_processes(config, tmp_path):
    model = DistilBertModel(config)
    model.save_pretrained(tmp_path / "m", is_main_process=False)
    assert not (tmp_path / "m").exists()
    model.save_pretrained(tmp_path / "m", max_shard_size="20KB")
    model.save_pretrained(tmp_path / "m")
    names = {path.name for path in (tmp_path / "m").iterdir()}
    assert names == {"config.json", "model.safetensors"}


def test_another_state_dict_can_be_saved(config, tmp_path):
    model = DistilBertModel(config)
    zeros = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    model.save_pretrained(tmp_path / "m", state_dict=zeros)
    again = DistilBertModel.from_pretrained(tmp_path / "m")
    assert not any(parameter.any() for parameter in again.parameters())
