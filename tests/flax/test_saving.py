"""What is written into a folder, what is refused, and what a second writing leaves."""

from __future__ import annotations

import json

import jax
import jax.numpy as jnp
import pytest

from distilbert import FlaxDistilBertModel


def test_saving_another_tree_writes_that_tree_in_one_file_or_several(config, tmp_path) -> None:
    model = FlaxDistilBertModel(config)
    zeros = jax.tree.map(jnp.zeros_like, model.params)
    model.save_pretrained(tmp_path, params=zeros, max_shard_size="20KB")
    names = {path.name for path in tmp_path.iterdir()}
    assert {"config.json", "flax_model.msgpack.index.json"} < names
    again = FlaxDistilBertModel.from_pretrained(tmp_path)
    assert not any(leaf.any() for leaf in jax.tree.leaves(again.params))
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "flax_model.msgpack"}


def test_the_config_names_the_type_that_was_saved_whatever_it_named_before(
    config, tmp_path
) -> None:
    config.torch_dtype = "float16"  # as of a checkpoint in half precision, cast up since
    FlaxDistilBertModel(config).save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["torch_dtype"] == "float32"
    assert config.dtype_name == "float16"


def test_leaves_the_layout_does_not_know_are_refused_not_dropped(config, tmp_path) -> None:
    model = FlaxDistilBertModel(config)
    params = {**model.params, "extra": {"kernel": jnp.ones(2)}}
    with pytest.raises(OSError, match=r"holds this model's parameters only: got extra\.weight"):
        model.save_pretrained(tmp_path, params=params)
