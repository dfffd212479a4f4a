"""What every PyTorch model can do besides computing."""

from __future__ import annotations

import pytest
import torch

from distilbert import (
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertModel,
    DistilBertPreTrainedModel,
)
from distilbert.errors import CheckpointError


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


def test_dummy_inputs_run_and_attention_can_be_exchanged(config):
    model = DistilBertModel(config).eval()
    fused = model(**model.dummy_inputs).last_hidden_state
    model.set_attn_implementation("eager")
    torch.testing.assert_close(model(**model.dummy_inputs).last_hidden_state, fused)


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


class WithOwnHead(DistilBertPreTrainedModel):
    """What the reference's users write."""

    def __init__(self, config, n_values=3):
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.own = torch.nn.Linear(config.dim, n_values)
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        return self.own(self.distilbert(input_ids, attention_mask).last_hidden_state[:, 0])


def test_a_users_head_around_an_encoder_loads_trains_and_saves(config, ids, tmp_path):
    config.initializer_range = 0.5
    donor = DistilBertForMaskedLM(config)
    donor.save_pretrained(tmp_path / "donor")
    model, info = WithOwnHead.from_pretrained(
        tmp_path / "donor", n_values=5, output_loading_info=True
    )
    assert info["missing_keys"] == ["own.weight", "own.bias"]
    assert 0.4 < model.own.weight.std() < 0.6
    assert not model.own.bias.any()
    encoder = donor.distilbert.state_dict()
    for name, tensor in model.distilbert.state_dict().items():
        torch.testing.assert_close(tensor, encoder[name], rtol=0, atol=0)
    model(ids).sum().backward()
    model.resize_token_embeddings(101)
    model.save_pretrained(tmp_path / "own")
    assert '"WithOwnHead"' in (tmp_path / "own" / "config.json").read_text()
    again, info = WithOwnHead.from_pretrained(
        tmp_path / "own", n_values=5, output_loading_info=True
    )
    assert info["missing_keys"] == info["unexpected_keys"] == []
    torch.testing.assert_close(again(ids), model.eval()(ids))


def test_initial_weights_of_a_users_head_are_its_own_choice(config):
    class Ones(WithOwnHead):
        def _init_weights(self, module):
            torch.nn.init.ones_(module.weight)

    torch.manual_seed(0)
    first = Ones(config)
    assert (first.own.weight == 1).all()
    assert not (first.get_input_embeddings().weight == 1).any()
    assert isinstance(DistilBertForMaskedLM(config), DistilBertPreTrainedModel)


def test_a_quantized_model_is_not_saved_as_a_checkpoint(config, tmp_path):
    model = torch.ao.quantization.quantize_dynamic(DistilBertModel(config), {torch.nn.Linear})
    with pytest.raises(CheckpointError, match=r"the model is quantized \(transformer\.layer\.0"):
        model.save_pretrained(tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_accelerate_finds_the_class_of_the_blocks(config):
    model = DistilBertForSequenceClassification(config)
    layers = model.distilbert.transformer.layer
    assert {type(layer).__name__ for layer in layers} == {*model._no_split_modules}
