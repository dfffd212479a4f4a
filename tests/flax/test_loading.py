"""from_pretrained: every source of weights and config, and every refusal."""

from __future__ import annotations

import json
import logging

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert import (
    FlaxDistilBertForMaskedLM,
    FlaxDistilBertForTokenClassification,
    FlaxDistilBertModel,
)
from distilbert.checkpoint.convert import convert
from distilbert.checkpoint.init import initial_weights
from distilbert.errors import CheckpointError, ConfigError, InputError, WeightMismatchError
from distilbert.flax.weights import flatten


@pytest.fixture
def saved(config, tmp_path):
    model = FlaxDistilBertForMaskedLM(config, seed=4)
    model.save_pretrained(tmp_path / "m")
    return model, tmp_path / "m"


def assert_equal(params, other) -> None:
    theirs = flatten(other)
    assert set(theirs) == set(flatten(params))
    for path, leaf in flatten(params).items():
        assert np.array_equal(leaf, theirs[path]), path


@pytest.mark.parametrize(
    ("format_name", "keywords"),
    [
        ("msgpack", {}),
        ("safetensors", {}),
        ("safetensors", {"from_pt": True}),
        ("bin", {"from_pt": True}),
        ("h5", {"from_tf": True}),
        ("h5", {}),
        ("msgpack", {"from_flax": True}),
        ("msgpack", {"use_safetensors": False}),
    ],
)
def test_every_format_gives_the_same_bits(saved, tmp_path, format_name, keywords):
    model, folder = saved
    convert(folder, tmp_path / "other", format=format_name, max_shard_size="20KB")
    again, info = FlaxDistilBertForMaskedLM.from_pretrained(
        tmp_path / "other", output_loading_info=True, **keywords
    )
    assert not any(info.values())
    assert_equal(model.params, again.params)


def test_without_init_the_parameters_come_beside_the_model(saved):
    model, folder = saved
    again, params = FlaxDistilBertForMaskedLM.from_pretrained(folder, _do_init=False)
    assert_equal(model.params, params)
    with pytest.raises(ValueError, match="has no `params`"):
        _ = again.params
    _, _, info = FlaxDistilBertForMaskedLM.from_pretrained(
        folder, _do_init=False, output_loading_info=True
    )
    assert not any(info.values())


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_dtype_computes_and_torch_dtype_stores(saved, ids, kind, tmp_path):
    model, folder = saved
    half = FlaxDistilBertForMaskedLM.from_pretrained(folder, dtype=jnp.bfloat16)
    assert half.dtype == jnp.bfloat16
    assert_equal(model.params, half.params)
    assert half(ids).logits.dtype == jnp.bfloat16
    stored = FlaxDistilBertForMaskedLM.from_pretrained(folder, torch_dtype=kind)
    assert {leaf.dtype.name for leaf in jax.tree.leaves(stored.params)} == {kind}
    assert stored.config.dtype_name == kind
    assert stored(ids).logits.dtype == jnp.float32
    stored.save_pretrained(tmp_path / "half")
    for asked in ({}, {"torch_dtype": "auto"}):
        again = FlaxDistilBertForMaskedLM.from_pretrained(tmp_path / "half", **asked)
        assert_equal(stored.params, again.params)
    for wrong in ({"torch_dtype": "float99"}, {"dtype": "int8"}, {"dtype": 3}):
        with pytest.raises(ConfigError, match="must be a floating type"):
            FlaxDistilBertForMaskedLM.from_pretrained(folder, **wrong)


def test_dtype_may_be_the_second_argument_as_on_the_page(saved):
    _, folder = saved
    model = FlaxDistilBertModel.from_pretrained(folder, jnp.float16, (1, 5), 7)
    assert (model.dtype, model.input_shape, model.seed) == (jnp.float16, (1, 5), 7)


def test_a_new_head_is_announced_listed_and_follows_the_seed(saved, caplog):
    _, folder = saved
    with caplog.at_level(logging.WARNING, logger="distilbert"):
        model, info = FlaxDistilBertForTokenClassification.from_pretrained(
            folder, num_labels=7, output_loading_info=True, seed=9
        )
    (record,) = caplog.records
    assert record.getMessage() == (
        "FlaxDistilBertForTokenClassification: The head is newly initialized: "
        "classifier.weight, classifier.bias "
        "did not come from the checkpoint. Train the model before you use it."
    )
    assert info["missing_keys"] == ["classifier.bias", "classifier.weight"]
    fresh = initial_weights(model.config, model.head, 9)["classifier.weight"]
    assert np.array_equal(model.params["classifier"]["kernel"], fresh.T)


def test_config_may_be_an_object_a_path_or_overridden(saved, config, tmp_path):
    _, folder = saved
    config.output_attentions = True
    model = FlaxDistilBertModel.from_pretrained(folder, config=config)
    assert model.config is not config
    assert model.config.output_attentions
    config.save_pretrained(tmp_path / "c")
    again = FlaxDistilBertModel.from_pretrained(folder, config=tmp_path / "c")
    assert again.config.output_attentions
    assert not FlaxDistilBertModel.from_pretrained(
        folder, config=config, output_attentions=False
    ).config.output_attentions
    with pytest.raises(TypeError, match=r"unknown keywords: cheese\."):
        FlaxDistilBertModel.from_pretrained(folder, cheese=1)


def test_shapes_that_do_not_fit_are_refused_or_started_afresh(saved):
    _, folder = saved
    with pytest.raises(WeightMismatchError, match="the shapes of `FlaxDistilBertForMaskedLM`"):
        FlaxDistilBertForMaskedLM.from_pretrained(folder, vocab_size=50)
    assert issubclass(WeightMismatchError, ValueError)
    model, info = FlaxDistilBertForMaskedLM.from_pretrained(
        folder, vocab_size=50, ignore_mismatched_sizes=True, output_loading_info=True
    )
    names = [name for name, _, _ in info["mismatched_keys"]]
    assert names == ["distilbert.embeddings.word_embeddings.weight", "vocab_projector.bias"]
    assert model.get_output_embeddings().shape == (50, 32)


def test_variant_and_subfolder(saved, tmp_path):
    model, _ = saved
    model.save_pretrained(tmp_path / "outer" / "inner", variant="v2")
    again = FlaxDistilBertForMaskedLM.from_pretrained(
        tmp_path / "outer", subfolder="inner", variant="v2"
    )
    assert_equal(model.params, again.params)
    with pytest.raises(CheckpointError, match="A checkpoint must hold one of"):
        FlaxDistilBertModel.from_pretrained(tmp_path / "outer" / "inner")


def test_a_missing_folder_and_foreign_weights_say_what_to_do(saved, tmp_path):
    _, folder = saved
    with pytest.raises(OSError, match="A model source must be"):
        FlaxDistilBertModel.from_pretrained(tmp_path / "none")
    convert(folder, tmp_path / "bin", format="bin")
    with pytest.raises(OSError, match="from_pt=True"):
        FlaxDistilBertModel.from_pretrained(tmp_path / "bin")
    with pytest.raises(InputError, match="A checkpoint has one origin"):
        FlaxDistilBertModel.from_pretrained(folder, from_pt=True, from_tf=True)
    data = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**data, "n_heads": 5}))
    with pytest.raises(ConfigError, match="`n_heads` must divide `dim`"):
        FlaxDistilBertModel.from_pretrained(folder)


def test_a_loaded_model_no_longer_reads_its_file(saved):
    model, folder = saved
    again = FlaxDistilBertForMaskedLM.from_pretrained(folder)
    file = folder / "flax_model.msgpack"
    with file.open("r+b") as stream:
        stream.write(b"\0" * file.stat().st_size)
    assert_equal(model.params, again.params)


@pytest.mark.parametrize("safe", [True, False])
def test_a_position_table_that_is_not_the_sinusoids_is_kept_used_and_frozen(
    config, ids, safe, tmp_path
):
    """The reference's PyTorch models hold random frozen positions (flaw 1)."""
    config.sinusoidal_pos_embds = True
    plain = FlaxDistilBertModel(config)
    table = np.random.default_rng(0).standard_normal((40, 32)).astype(np.float32)
    path = "embeddings/position_embeddings/embedding"
    assert path not in flatten(plain.params)
    odd = FlaxDistilBertModel(config)
    odd.replace_leaves({path: table})
    odd.save_pretrained(tmp_path, safe_serialization=safe)
    again = FlaxDistilBertModel.from_pretrained(tmp_path)
    assert np.array_equal(again.get_position_embeddings(), table)
    assert not np.allclose(again(ids)[0], plain(ids)[0])
    slope = jax.grad(lambda params: (again(ids, params=params)[0] ** 2).sum())(again.params)
    assert not flatten(slope)[path].any()
    assert again.num_parameters() - again.num_parameters(only_trainable=True) == 40 * 32


def test_the_sinusoid_table_of_a_checkpoint_is_computed_instead(config, tmp_path):
    from distilbert.checkpoint.folder import save_checkpoint

    config.sinusoidal_pos_embds = True
    save_checkpoint(tmp_path, initial_weights(config, "base", 0), config, head="base")
    model, info = FlaxDistilBertModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())
    assert list(model.params["embeddings"]) == ["word_embeddings", "LayerNorm"]
