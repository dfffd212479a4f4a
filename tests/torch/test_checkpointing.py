"""Gradient checkpointing saves memory and changes no number."""

from __future__ import annotations

import pytest
import torch

from distilbert import DistilBertForMaskedLM, DistilBertModel
from distilbert.errors import InputError


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


@pytest.mark.parametrize("options", [{"every_n_layers": 2}, {"offload": True}])
def test_options_of_checkpointing_change_no_gradient(config, ids, options):
    model = DistilBertModel(config).train()
    gradients = []
    for checkpoints in (False, True):
        if checkpoints:
            model.activation_checkpointing_enable(None, **options)
        model.zero_grad()
        model(ids).last_hidden_state.pow(2).sum().backward()
        gradients.append([p.grad.clone() for p in model.parameters()])
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other)
    with pytest.raises(InputError, match="`every_n_layers` must be an integer >= 1: got 0"):
        model.gradient_checkpointing_enable(every_n_layers=0)


def test_only_each_nth_block_is_computed_again(config, ids):
    model = DistilBertModel(config).train()
    model.gradient_checkpointing_enable(every_n_layers=2)
    calls = []
    for number, block in enumerate(model.transformer.layer):
        block.register_forward_pre_hook(lambda *_, number=number: calls.append(number))
    model(ids).last_hidden_state.sum().backward()
    assert calls == [0, 1, 0]


def test_a_config_that_asks_for_checkpointing_gets_it(config, ids, tmp_path):
    """Files of older releases of the reference hold the field."""
    config.gradient_checkpointing = True
    model = DistilBertForMaskedLM(config)
    assert model.is_gradient_checkpointing
    model.save_pretrained(tmp_path)
    again = DistilBertForMaskedLM.from_pretrained(tmp_path)
    assert again.is_gradient_checkpointing
    again.activation_checkpointing_disable()
    assert not again.is_gradient_checkpointing


def test_inputs_get_a_gradient_until_it_is_switched_off(config, ids):
    model = DistilBertModel(config).requires_grad_(False)
    model.enable_input_require_grads()
    model.enable_input_require_grads()
    assert model(ids).last_hidden_state.requires_grad
    model.disable_input_require_grads()
    assert not model(ids).last_hidden_state.requires_grad
