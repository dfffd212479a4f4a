"""Names and orientation: the six rows of the leaf table, in both directions."""

from __future__ import annotations

import numpy as np
import pytest

from distilbert.checkpoint.layout import (
    LEAVES,
    canonical_name,
    native_array,
    native_name,
    to_canonical,
)
from distilbert.checkpoint.spec import parameter_spec
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError
from distilbert.heads import HEADS

TINY = DistilBertConfig(n_layers=12, dim=32, n_heads=4, hidden_dim=48, vocab_size=99)


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("flavour", ["pt", "tf", "flax"])
def test_every_name_comes_back(head, flavour):
    for parameter in parameter_spec(TINY, head):
        native = native_name(parameter.name, parameter.kind, flavour)
        expected = parameter.name
        if flavour == "tf" and head == "base":  # TF's base model names its parts `distilbert/...`
            expected = f"distilbert.{expected}"
        assert canonical_name(native, flavour) == expected


@pytest.mark.parametrize(
    ("name", "kind", "tf", "flax"),
    [
        (
            "embeddings.position_embeddings.weight",
            "position",
            "distilbert/embeddings/position_embeddings/embeddings:0",
            "embeddings/position_embeddings/embedding",
        ),
        (
            "distilbert.embeddings.word_embeddings.weight",
            "word",
            "distilbert/embeddings/word_embeddings/weight:0",
            "distilbert/embeddings/word_embeddings/embedding",
        ),
        (
            "distilbert.transformer.layer.11.attention.q_lin.weight",
            "matrix",
            "distilbert/transformer/layer_._11/attention/q_lin/kernel:0",
            "distilbert/transformer/layer/11/attention/q_lin/kernel",
        ),
        (
            "transformer.layer.0.sa_layer_norm.bias",
            "shift",
            "distilbert/transformer/layer_._0/sa_layer_norm/beta:0",
            "transformer/layer/0/sa_layer_norm/bias",
        ),
        ("classifier.bias", "bias", "classifier/bias:0", "classifier/bias"),
    ],
)
def test_names_are_those_of_the_table(name, kind, tf, flax):
    assert native_name(name, kind, "tf") == tf
    assert native_name(name, kind, "flax") == flax
    assert native_name(name, kind, "pt") == name


def test_matrices_are_turned_without_a_copy():
    array = np.zeros((2, 3))
    for flavour in ("tf", "flax"):
        turned = native_array(array, "matrix", flavour)
        assert turned.shape == (3, 2)
        assert np.shares_memory(turned, array)
        assert native_array(array, "word", flavour) is array
    assert native_array(array, "matrix", "pt") is array
    back = to_canonical({"a/kernel:0": array}, "tf")
    assert back["a.weight"].shape == (3, 2)
    assert np.shares_memory(back["a.weight"], array)


def test_old_layer_norm_names_are_read():
    arrays = {"embeddings.LayerNorm.gamma": np.ones(1), "embeddings.LayerNorm.beta": np.zeros(1)}
    names = list(to_canonical(arrays, "pt"))
    assert names == ["embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"]


def test_position_indices_are_ignored():
    arrays = {"distilbert.embeddings.position_ids": np.arange(5), "a.weight": np.ones(1)}
    assert list(to_canonical(arrays, "pt")) == ["a.weight"]


def test_one_parameter_under_two_names_is_refused():
    arrays = {"LayerNorm.gamma": np.ones(1), "LayerNorm.weight": np.ones(1)}
    with pytest.raises(CheckpointError, match=r"repeats `LayerNorm\.weight`"):
        to_canonical(arrays, "pt")


def test_the_table_has_a_row_for_every_kind():
    assert {parameter.kind for parameter in parameter_spec(TINY, "masked_lm")} == set(LEAVES)


@pytest.mark.parametrize(
    "wrapped",
    [
        "module.{}",
        "_orig_mod.{}",
        "model.{}",
        "module._orig_mod.{}",
        "model._orig_mod.{}",
        "base_model.model.{}",
        "_fsdp_wrapped_module.{}",
    ],
)
@pytest.mark.parametrize("head", ["base", "sequence_classification"])
def test_names_from_inside_a_wrapper_become_those_of_the_model(head, wrapped):
    names = [parameter.name for parameter in parameter_spec(TINY, head)]
    arrays = {wrapped.format(name): np.zeros(1) for name in names}
    assert list(to_canonical(arrays, "pt")) == names


def test_wrapped_parts_of_a_model_lose_the_wrappers_name_too():
    name = "distilbert.transformer.layer.0._checkpoint_wrapped_module.ffn.lin1.bias"
    canonical = "distilbert.transformer.layer.0.ffn.lin1.bias"
    assert list(to_canonical({name: np.zeros(1)}, "pt")) == [canonical]
    assert list(to_canonical({"params/" + canonical.replace(".", "/"): 0}, "flax")) == [canonical]


def test_what_stands_beside_a_wrapped_model_keeps_its_name():
    names = ["model.distilbert.embeddings.LayerNorm.bias", "criterion.weight", "model.x.weight"]
    found = to_canonical({name: np.zeros(1) for name in names}, "pt")
    assert list(found) == [names[0].removeprefix("model."), "criterion.weight", "x.weight"]
    plain = ["distilbert.embeddings.LayerNorm.bias", "model.weight"]  # a part of a user's own
    assert list(to_canonical({name: np.zeros(1) for name in plain}, "pt")) == plain
