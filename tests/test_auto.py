"""Auto classes: the right class for a source, and a clear refusal of anything else."""

from __future__ import annotations

import json

import pytest

import distilbert
from distilbert.checkpoint.folder import save_checkpoint
from distilbert.checkpoint.init import initial_weights
from distilbert.config import DistilBertConfig
from distilbert.errors import CheckpointError, InputError
from distilbert.heads import HEADS

CONFIG = DistilBertConfig(
    vocab_size=6, dim=8, n_heads=2, n_layers=1, hidden_dim=8, max_position_embeddings=16
)
VOCABULARY = b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n"
AUTO_NAMES = {
    head: "AutoModel" + name.removeprefix("DistilBert").removeprefix("Model")
    for head, name in ((h.name, h.class_name) for h in HEADS.values())
}


def save(folder, head="base", **files: bytes):
    extra = {name.replace("__", "."): data for name, data in files.items()}
    weights = initial_weights(CONFIG, head, seed=0)
    save_checkpoint(folder, weights, CONFIG, head=head, extra_files=extra)
    return folder


@pytest.mark.parametrize("prefix", ["", "TF", "Flax"])
@pytest.mark.parametrize("head", HEADS)
def test_the_head_that_is_asked_for_decides_the_class_not_the_architecture(head, prefix, tmp_path):
    auto = getattr(distilbert, prefix + AUTO_NAMES[head])
    save(tmp_path / "m", head)
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["architectures"] = ["DistilBertForSomethingElse"]
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    model = auto.from_pretrained(tmp_path / "m")
    assert type(model).__name__ == prefix + HEADS[head].class_name
    if not prefix:
        assert not model.training
    assert type(auto.from_config(CONFIG)) is type(model)


def test_keywords_pass_through_to_config_and_loader(tmp_path):
    import torch

    model, info = distilbert.AutoModelForTokenClassification.from_pretrained(
        save(tmp_path / "m"),
        num_labels=7,
        torch_dtype=torch.float16,
        attn_implementation="eager",
        output_loading_info=True,
    )
    assert model.config.num_labels == model.classifier.out_features == 7
    assert model.dtype is torch.float16
    assert info["missing_keys"] == ["classifier.bias", "classifier.weight"]


def test_dtype_is_what_flax_computes_in_and_no_fact_about_the_weights(tmp_path):
    import jax.numpy as jnp

    model = distilbert.FlaxAutoModel.from_pretrained(save(tmp_path / "m"), dtype=jnp.bfloat16)
    assert model.dtype == jnp.bfloat16
    assert model.config.dtype_name == "float32"
    assert model([[1, 2]]).last_hidden_state.dtype == jnp.bfloat16


@pytest.mark.parametrize("name", [*AUTO_NAMES.values(), "AutoConfig", "AutoTokenizer"])
def test_an_auto_class_has_no_instances(name):
    with pytest.raises(OSError, match=f"`{name}` only chooses a class"):
        getattr(distilbert, name)()


def test_auto_config_refuses_another_model_type_and_says_what_to_do(tmp_path):
    assert distilbert.AutoConfig.from_pretrained(save(tmp_path / "m")).dim == 8
    path = tmp_path / "config.json"
    path.write_text('{"model_type": "bert"}')
    with pytest.raises(CheckpointError, match="`distilbert convert` turns it"):
        distilbert.AutoConfig.from_pretrained(tmp_path)
    path.write_text("{}")
    with pytest.raises(CheckpointError, match="says None"):
        distilbert.AutoConfig.from_pretrained(path)
    with pytest.raises(InputError, match="`config` must be a DistilBertConfig: got a dict"):
        distilbert.AutoModel.from_config({})


def test_auto_config_returns_unused_keywords_when_asked(tmp_path):
    config, unused = distilbert.AutoConfig.from_pretrained(
        save(tmp_path / "m"), dropout=0.5, cheese=1, return_unused_kwargs=True
    )
    assert (config.dropout, unused) == (0.5, {"cheese": 1})
    assert config.name_or_path == str(tmp_path / "m")


@pytest.mark.parametrize(
    "tokenizer_config",
    [b"{}", b'{"tokenizer_class": "DistilBertTokenizer"}', b'{"tokenizer_class": "BertTokenizer"}'],
)
def test_auto_tokenizer_chooses_fast_or_slow_and_never_token_types(tmp_path, tokenizer_config):
    files = {"vocab__txt": VOCABULARY, "tokenizer_config__json": tokenizer_config}
    folder = save(tmp_path / "m", **files)
    fast = distilbert.AutoTokenizer.from_pretrained(folder)
    slow = distilbert.AutoTokenizer.from_pretrained(folder, use_fast=False)
    assert type(fast) is distilbert.DistilBertTokenizerFast
    assert type(slow) is distilbert.DistilBertTokenizer
    assert dict(fast("a")) == dict(slow("a")) == {"input_ids": [2, 5, 3], "attention_mask": [1] * 3}


def test_a_tokenizer_of_another_kind_is_refused(tmp_path):
    files = {"vocab__txt": VOCABULARY, "tokenizer_config__json": b'{"tokenizer_class": "GPT2"}'}
    with pytest.raises(CheckpointError, match="`tokenizer_class` must be a WordPiece tokenizer"):
        distilbert.AutoTokenizer.from_pretrained(save(tmp_path / "m", **files))
