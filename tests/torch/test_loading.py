"""from_pretrained: every source of weights and config, and every refusal."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch

from distilbert import DistilBertForMaskedLM, DistilBertForTokenClassification, DistilBertModel
from distilbert.checkpoint.convert import convert
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, ConfigError, InputError, WeightMismatchError


@pytest.fixture
def saved(config, tmp_path):
    model = DistilBertForMaskedLM(config)
    model.save_pretrained(tmp_path / "m")
    return model, tmp_path / "m"


def assert_equal(model, other) -> None:
    theirs = other.state_dict()
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("format_name", "keywords"),
    [
        ("safetensors", {"use_safetensors": True}),
        ("bin", {"use_safetensors": False}),
        ("h5", {"from_tf": True}),
        ("msgpack", {"from_flax": True}),
    ],
)
def test_every_format_gives_the_same_bits(saved, tmp_path, format_name, keywords):
    model, folder = saved
    convert(folder, tmp_path / "other", format=format_name, max_shard_size="20KB")
    again, info = DistilBertForMaskedLM.from_pretrained(
        tmp_path / "other", output_loading_info=True, **keywords
    )
    assert info == {
        "missing_keys": [],
        "unexpected_keys": [],
        "mismatched_keys": [],
        "error_msgs": [],
    }
    assert_equal(model, again)
    assert again.vocab_projector.weight is again.get_input_embeddings().weight
    assert not again.training


def test_training_a_loaded_model_leaves_the_file_alone(saved):
    _, folder = saved
    before = (folder / "model.safetensors").read_bytes()
    model = DistilBertForMaskedLM.from_pretrained(folder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert (folder / "model.safetensors").read_bytes() == before
    assert not np.array_equal(
        model.get_input_embeddings().weight.detach(),
        DistilBertModel.from_pretrained(folder).get_input_embeddings().weight.detach(),
    )


def test_a_new_head_is_announced_once_and_listed(saved, caplog):
    _, folder = saved
    with caplog.at_level(logging.WARNING, logger="distilbert"):
        model, info = DistilBertForTokenClassification.from_pretrained(
            folder, num_labels=7, output_loading_info=True
        )
    (record,) = caplog.records
    assert record.getMessage() == (
        "DistilBertForTokenClassification: The head is newly initialized: "
        "classifier.weight, classifier.bias did "
        "not come from the checkpoint. Train the model before you use it."
    )
    assert info["missing_keys"] == ["classifier.bias", "classifier.weight"]
    assert model.classifier.weight.shape == (7, 32)
    assert model.classifier.weight.std() > 0
    assert not model.classifier.bias.any()


def test_config_may_be_an_object_a_path_or_overridden(saved, config, tmp_path):
    _, folder = saved
    config.output_attentions = True
    model = DistilBertModel.from_pretrained(folder, config=config)
    assert model.config is not config
    assert model.config.output_attentions
    config.save_pretrained(tmp_path / "c")
    assert DistilBertModel.from_pretrained(folder, config=tmp_path / "c").config.output_attentions
    overridden = DistilBertModel.from_pretrained(folder, config=config, output_attentions=False)
    assert not overridden.config.output_attentions
    with pytest.raises(TypeError, match=r"unknown keywords: cheese\."):
        DistilBertModel.from_pretrained(folder, cheese=1)


def test_a_state_dict_is_copied_not_taken(saved, config):
    model, _ = saved
    tensors = model.state_dict()
    again = DistilBertForMaskedLM.from_pretrained(None, config=config, state_dict=tensors)
    assert_equal(model, again)
    with torch.no_grad():
        again.vocab_projector.bias.add_(1)
    assert not model.vocab_projector.bias.any()
    for keywords, text in (
        ({"config": config}, "`state_dict` must hold the weights"),
        ({"state_dict": tensors}, "`config` must be given"),
    ):
        with pytest.raises(InputError, match=text):
            DistilBertForMaskedLM.from_pretrained(None, **keywords)


def test_shapes_that_do_not_fit_are_refused_or_started_afresh(saved, caplog):
    _, folder = saved
    with pytest.raises(WeightMismatchError, match="have the shapes of `DistilBertForMaskedLM`"):
        DistilBertForMaskedLM.from_pretrained(folder, vocab_size=50)
    model, info = DistilBertForMaskedLM.from_pretrained(
        folder, vocab_size=50, ignore_mismatched_sizes=True, output_loading_info=True
    )
    names = [name for name, _, _ in info["mismatched_keys"]]
    assert names == ["distilbert.embeddings.word_embeddings.weight", "vocab_projector.bias"]
    assert model.vocab_projector.weight.shape == (50, 32)
    assert "vocab_projector.bias (shape (99,) in the file, (50,) in the model)" in caplog.text


def test_dtype_by_either_name_and_the_default_stays(saved):
    _, folder = saved
    for keywords in ({"torch_dtype": torch.float16}, {"dtype": "float16"}):
        model = DistilBertModel.from_pretrained(folder, **keywords)
        assert model.dtype is model.config.torch_dtype is torch.float16
    assert DistilBertModel.from_pretrained(folder).dtype is torch.float32
    assert torch.get_default_dtype() is torch.float32
    with pytest.raises(InputError, match="are the same argument"):
        DistilBertModel.from_pretrained(folder, torch_dtype=torch.float16, dtype="float32")
    for keywords in ({"torch_dtype": "float99"}, {"attn_implementation": "magic"}):
        with pytest.raises(ConfigError):
            DistilBertModel.from_pretrained(folder, **keywords)


def test_variant_subfolder_and_device_map(saved, tmp_path):
    model, _ = saved
    model.save_pretrained(tmp_path / "outer" / "inner", variant="v2")
    again = DistilBertForMaskedLM.from_pretrained(
        tmp_path / "outer", subfolder="inner", variant="v2", device_map="cpu"
    )
    assert_equal(model, again)
    meta = DistilBertModel.from_pretrained(
        tmp_path / "outer", subfolder="inner", variant="v2", device_map={"": "meta"}
    )
    assert meta.device.type == "meta"
    with pytest.raises(InputError, match="one device for all parts"):
        DistilBertModel.from_pretrained(
            tmp_path / "outer",
            subfolder="inner",
            variant="v2",
            device_map={"a": "cpu", "b": "meta"},
        )
    with pytest.raises(CheckpointError, match="A checkpoint must hold one of"):
        DistilBertModel.from_pretrained(tmp_path / "outer" / "inner")


def test_a_childs_own_parameters_are_loaded_by_name(config, tmp_path):
    class WithScale(DistilBertModel):
        def __init__(self, config: DistilBertConfig) -> None:
            super().__init__(config)
            self.scale = torch.nn.Parameter(torch.ones(2))

    model = WithScale(config)
    with torch.no_grad():
        model.scale.fill_(5)
    model.save_pretrained(tmp_path / "m")
    again, info = WithScale.from_pretrained(tmp_path / "m", output_loading_info=True)
    assert again.scale.tolist() == [5, 5]
    assert info["unexpected_keys"] == info["missing_keys"] == []


def test_a_missing_folder_and_foreign_weights_say_what_to_do(tmp_path, config):
    with pytest.raises(OSError, match="A model source must be"):
        DistilBertModel.from_pretrained(tmp_path / "none")
    model = DistilBertModel(config)
    model.save_pretrained(tmp_path / "m")
    convert(tmp_path / "m", tmp_path / "h5", format="h5")
    with pytest.raises(OSError, match="from_tf=True"):
        DistilBertModel.from_pretrained(tmp_path / "h5")
    data = json.loads((tmp_path / "m" / "config.json").read_text())
    (tmp_path / "m" / "config.json").write_text(json.dumps({**data, "n_heads": 5}))
    with pytest.raises(ConfigError, match="`n_heads` must divide `dim`"):
        DistilBertModel.from_pretrained(tmp_path / "m")


def test_missing_sinusoidal_positions_become_the_table(config):
    """Flaw 15 of the reference: they were random, and frozen."""
    config.sinusoidal_pos_embds = True
    tensors = DistilBertModel(config).state_dict()
    table = tensors.pop("embeddings.position_embeddings.weight")
    model, info = DistilBertModel.from_pretrained(
        None, config=config, state_dict=tensors, output_loading_info=True
    )
    assert info["missing_keys"] == ["embeddings.position_embeddings.weight"]
    assert torch.equal(model.get_position_embeddings().weight, table)
    assert not model.get_position_embeddings().weight.requires_grad


def test_old_layer_norm_names_in_a_state_dict_are_read(config):
    tensors = DistilBertModel(config).state_dict()
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in tensors.items()
    }
    model, info = DistilBertModel.from_pretrained(
        None, config=config, state_dict=old, output_loading_info=True
    )
    assert not any(info.values())
    assert torch.equal(model.embeddings.LayerNorm.weight, tensors["embeddings.LayerNorm.weight"])


def test_contradicting_and_missing_arguments_are_named(saved, config):
    model, folder = saved
    with pytest.raises(InputError, match=r"`dtype` and `torch_dtype` are the same argument"):
        DistilBertModel.from_pretrained(folder, dtype="float16", torch_dtype=torch.float32)
    with pytest.raises(InputError, match=r"`state_dict` must hold the weights"):
        DistilBertModel.from_pretrained(None, config=config)
    with pytest.raises(InputError, match=r"`config` must be given"):
        DistilBertModel.from_pretrained(None, state_dict=model.state_dict())
    with pytest.raises(InputError, match=r"`device_map` must name one device"):
        DistilBertModel.from_pretrained(folder, device_map={"a": "cpu", "b": "meta"})
    with pytest.raises(TypeError, match=r"unknown keywords: quantization"):
        DistilBertModel.from_pretrained(folder, quantization=8)
