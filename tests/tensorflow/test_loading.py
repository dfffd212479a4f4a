"""from_pretrained: every source of weights and config, and every refusal."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import tensorflow as tf

from distilbert import (
    TFDistilBertForMaskedLM,
    TFDistilBertForTokenClassification,
    TFDistilBertModel,
)
from distilbert.checkpoint.convert import convert
from distilbert.errors import CheckpointError, ConfigError, InputError, WeightMismatchError
from distilbert.tensorflow.weights import canonical_arrays


@pytest.fixture
def saved(config, tmp_path):
    model = TFDistilBertForMaskedLM(config)
    model.save_pretrained(tmp_path / "m")
    return model, tmp_path / "m"


def assert_equal(model, other) -> None:
    theirs = canonical_arrays(other)
    for name, array in canonical_arrays(model).items():
        np.testing.assert_array_equal(array, theirs[name])


@pytest.mark.parametrize(
    ("format_name", "keywords"),
    [
        ("safetensors", {"use_safetensors": True}),
        ("bin", {"from_pt": True}),
        ("h5", {"use_safetensors": False}),
        ("msgpack", {"from_flax": True}),
        ("msgpack", {}),
    ],
)
def test_every_format_gives_the_same_bits(saved, tmp_path, format_name, keywords) -> None:
    model, folder = saved
    convert(folder, tmp_path / "other", format=format_name, max_shard_size="20KB")
    again, info = TFDistilBertForMaskedLM.from_pretrained(
        tmp_path / "other", output_loading_info=True, **keywords
    )
    assert not any(info.values())
    assert_equal(model, again)


def test_a_new_head_is_announced_once_and_listed(saved, caplog) -> None:
    _, folder = saved
    with caplog.at_level(logging.WARNING, logger="distilbert"):
        model, info = TFDistilBertForTokenClassification.from_pretrained(
            folder, num_labels=7, output_loading_info=True
        )
    (record,) = caplog.records
    assert record.getMessage() == (
        "TFDistilBertForTokenClassification: The head is newly initialized: "
        "classifier.weight, classifier.bias "
        "did not come from the checkpoint. Train the model before you use it."
    )
    assert info["missing_keys"] == ["classifier.bias", "classifier.weight"]
    assert model.classifier.kernel.shape == (32, 7)
    assert model.classifier.kernel.numpy().std() > 0
    assert not model.classifier.bias.numpy().any()


def test_config_may_be_an_object_a_path_or_overridden(saved, config, tmp_path) -> None:
    _, folder = saved
    config.output_attentions = True
    model = TFDistilBertModel.from_pretrained(folder, config=config, name="mine")
    assert model.config is not config
    assert model.config.output_attentions
    assert model.name == "mine"
    config.save_pretrained(tmp_path / "c")
    again = TFDistilBertModel.from_pretrained(folder, config=tmp_path / "c")
    assert again.config.output_attentions
    with pytest.raises(TypeError, match=r"unknown keywords: cheese\."):
        TFDistilBertModel.from_pretrained(folder, cheese=1)


def test_a_state_dict_replaces_the_files(saved, config) -> None:
    model, _ = saved
    arrays = canonical_arrays(model)
    again = TFDistilBertForMaskedLM.from_pretrained(None, config=config, state_dict=arrays)
    assert_equal(model, again)
    for keywords, text in (
        ({"config": config}, "`state_dict` must hold the weights"),
        ({"state_dict": arrays}, "`config` must be given"),
    ):
        with pytest.raises(InputError, match=text):
            TFDistilBertForMaskedLM.from_pretrained(None, **keywords)


def test_shapes_that_do_not_fit_are_refused_or_started_afresh(saved) -> None:
    _, folder = saved
    with pytest.raises(WeightMismatchError, match="have the shapes of `TFDistilBertForMaskedLM`"):
        TFDistilBertForMaskedLM.from_pretrained(folder, vocab_size=50)
    model, info = TFDistilBertForMaskedLM.from_pretrained(
        folder, vocab_size=50, ignore_mismatched_sizes=True, output_loading_info=True
    )
    names = [name for name, _, _ in info["mismatched_keys"]]
    assert names == ["distilbert.embeddings.word_embeddings.weight", "vocab_projector.bias"]
    assert model.get_input_embeddings().weight.shape == (50, 32)


def test_what_a_child_class_adds_has_fresh_values(saved, config) -> None:
    class Twins(TFDistilBertModel):
        def __init__(self, config, **kwargs) -> None:
            super().__init__(config, **kwargs)
            self.other = TFDistilBertModel(config)

    model, folder = saved
    twins = Twins.from_pretrained(folder)
    assert_equal(model.distilbert, twins)
    spread = np.std(twins.other.get_input_embeddings().weight)
    assert spread == pytest.approx(config.initializer_range, rel=0.1)


def test_dtype_by_either_name_is_a_policy(saved) -> None:
    _, folder = saved
    for keywords in ({"torch_dtype": tf.float16}, {"dtype": "float16"}):
        model = TFDistilBertModel.from_pretrained(folder, **keywords)
        assert model.dtype_policy.name == model.config.dtype_name == "float16"
    mixed = TFDistilBertModel.from_pretrained(folder, dtype="mixed_bfloat16")
    assert (mixed.variable_dtype, mixed.compute_dtype) == ("float32", "bfloat16")
    assert TFDistilBertModel.from_pretrained(folder).dtype_policy.name == "float32"
    with pytest.raises(InputError, match="are the same argument"):
        TFDistilBertModel.from_pretrained(folder, torch_dtype="float16", dtype="float32")
    with pytest.raises(ConfigError, match="`torch_dtype` must be a floating"):
        TFDistilBertModel.from_pretrained(folder, torch_dtype="float99")


def test_half_precision_is_saved_and_comes_back_when_asked_for(config, tmp_path) -> None:
    model = TFDistilBertModel(config, dtype="bfloat16")
    model.save_pretrained(tmp_path, safe_serialization=True)
    assert json.loads((tmp_path / "config.json").read_text())["torch_dtype"] == "bfloat16"
    again = TFDistilBertModel.from_pretrained(tmp_path, torch_dtype="auto")
    assert again.variable_dtype == "bfloat16"
    assert_equal(model, again)


def test_variant_and_subfolder(saved, tmp_path) -> None:
    model, _ = saved
    model.save_pretrained(tmp_path / "outer" / "inner", variant="v2")
    again = TFDistilBertForMaskedLM.from_pretrained(
        tmp_path / "outer", subfolder="inner", variant="v2"
    )
    assert_equal(model, again)
    with pytest.raises(CheckpointError, match="A checkpoint must hold one of"):
        TFDistilBertModel.from_pretrained(tmp_path / "outer" / "inner")


def test_a_missing_folder_and_a_pickle_nobody_asked_for_say_what_to_do(saved, tmp_path) -> None:
    with pytest.raises(OSError, match="A model source must be"):
        TFDistilBertModel.from_pretrained(tmp_path / "none")
    convert(saved[1], tmp_path / "bin", format="bin")
    with pytest.raises(OSError, match="from_pt=True"):
        TFDistilBertModel.from_pretrained(tmp_path / "bin")


def test_missing_sinusoidal_positions_become_the_table(config) -> None:
    config.sinusoidal_pos_embds = True
    model = TFDistilBertModel(config)
    arrays = canonical_arrays(model)
    table = arrays.pop("embeddings.position_embeddings.weight")
    again, info = TFDistilBertModel.from_pretrained(
        None, config=config, state_dict=arrays, output_loading_info=True
    )
    assert info["missing_keys"] == ["embeddings.position_embeddings.weight"]
    np.testing.assert_array_equal(again.get_position_embeddings().embeddings.numpy(), table)
