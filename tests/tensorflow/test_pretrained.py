"""What every model can do besides computing."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

import distilbert
from distilbert import (
    TFDistilBertForMaskedLM,
    TFDistilBertForSequenceClassification,
    TFDistilBertModel,
    TFDistilBertPreTrainedModel,
)
from distilbert.errors import CheckpointError, ConfigError, InputError, WeightMismatchError
from distilbert.heads import HEADS
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.heads import MODEL_CLASSES
from distilbert.tensorflow.layers import Embedding

LEAVES = ("weight", "bias")


def assert_same_weights(one, other) -> None:
    for a, b in zip(one.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_models_are_keras_models_with_the_references_names(config) -> None:
    keras.backend.clear_session()
    model = TFDistilBertForMaskedLM(config)
    assert isinstance(model, keras.Model)
    assert model.name == "tf_distil_bert_for_masked_lm"
    assert TFDistilBertModel(config, name="mine").name == "mine"
    assert model.built
    with pytest.raises(TypeError, match="one positional argument"):
        TFDistilBertModel(config, 1)
    with pytest.raises(ConfigError, match="`config` must be a DistilBertConfig"):
        TFDistilBertModel({"dim": 1})


@pytest.mark.parametrize("head", MODEL_CLASSES)
@pytest.mark.parametrize("changes", [{}, {"tie_word_embeddings": False, "pruned_heads": {0: [1]}}])
def test_a_keras_file_brings_the_model_back_without_being_told_classes(
    head, changes, config, tmp_path
) -> None:
    config.update(changes)
    model = MODEL_CLASSES[head](config, name="mine", dtype="mixed_bfloat16")
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert type(again) is type(model)
    assert (again.name, again.dtype_policy.name) == ("mine", "mixed_bfloat16")
    assert again.config.to_dict() == config.to_dict()
    assert_same_weights(again, model)
    other = MODEL_CLASSES[head](config)
    model.save_weights(tmp_path / "model.weights.h5")
    other.load_weights(tmp_path / "model.weights.h5")
    assert_same_weights(other, model)


def test_a_resized_and_pruned_model_survives_a_keras_file(config, ids, tmp_path) -> None:
    model = TFDistilBertForMaskedLM(config)
    model.resize_token_embeddings(120)
    model.prune_heads({0: [1, 2]})
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(ids).logits, model(ids).logits, atol=1e-6)


def test_a_model_can_be_copied_pickled_and_cloned(config, ids) -> None:
    model = TFDistilBertForSequenceClassification(config)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert_same_weights(again, model)
        np.testing.assert_allclose(again(ids).logits, model(ids).logits, atol=1e-6)
    clone = keras.models.clone_model(model)
    assert type(clone) is type(model)
    assert clone.config == config
    assert TFDistilBertModel.from_config(config).config is config


@pytest.mark.parametrize("mode", ["int8", "int4", "float8"])
def test_keras_quantization_is_refused_instead_of_doing_nothing(config, mode) -> None:
    with pytest.raises(InputError, match=r"no layer that Keras can quantize.*Optimize\.DEFAULT"):
        TFDistilBertForMaskedLM(config).quantize(mode)


def test_parts_are_found_under_every_head(config) -> None:
    base, head = TFDistilBertModel(config), TFDistilBertForSequenceClassification(config)
    assert base.base_model is base
    assert head.base_model is head.distilbert
    assert head.get_output_embeddings() is None
    assert head.get_position_embeddings() is head.distilbert.embeddings.position_embeddings
    new = Embedding(99, 32, leaf="weight")
    head.set_input_embeddings(new)
    assert head.get_input_embeddings() is new


def test_a_new_embedding_is_tied_again_when_asked(config) -> None:
    model = TFDistilBertForMaskedLM(config)
    model.set_input_embeddings(Embedding(50, 32, leaf="weight"))
    model.tie_weights()
    assert model(np.array([[1, 2]])).logits.shape == (1, 2, 50)


def test_initial_weights_follow_the_seed(config) -> None:
    first, second = TFDistilBertModel(config), TFDistilBertModel(config)
    first.init_weights(seed=7)
    second.init_weights(seed=7)
    assert_same_weights(first, second)
    tf.random.set_seed(1)
    third = TFDistilBertModel(config)
    tf.random.set_seed(1)
    assert_same_weights(TFDistilBertModel(config), third)


@pytest.mark.parametrize("head", MODEL_CLASSES)
def test_dummy_inputs_run(head, config) -> None:
    model = MODEL_CLASSES[head](config)
    assert np.isfinite(model(**model.dummy_inputs)[0]).all()


def test_saving_twice_leaves_one_checkpoint(config, tmp_path) -> None:
    model = TFDistilBertModel(config)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("tf_model-*.h5"))) > 1
    model.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"config.json", "tf_model.h5"}


class TFWithOwnHead(TFDistilBertPreTrainedModel):
    """What the reference's users write; Keras makes up the names of the layers."""

    def __init__(self, config, n_values=3) -> None:
        super().__init__(config)
        self.distilbert = TFDistilBertModel(config, name="distilbert")
        self.own = keras.layers.Dense(n_values)
        self.more = keras.Sequential([keras.layers.Dense(4), keras.layers.Dense(2)])

    def call(self, input_ids, attention_mask=None, training=False):
        encoded = self.distilbert(input_ids, attention_mask, training=training)
        return self.more(self.own(encoded.last_hidden_state[:, 0]))


@pytest.mark.parametrize("safe", [False, True])
def test_a_users_head_around_an_encoder_loads_trains_and_saves(config, ids, tmp_path, safe) -> None:
    donor = TFDistilBertForMaskedLM(config)
    donor.save_pretrained(tmp_path / "donor")
    model, info = TFWithOwnHead.from_pretrained(
        tmp_path / "donor", n_values=5, output_loading_info=True
    )
    added = [f"{layer}.{leaf}" for layer in ("own", "more.0", "more.1") for leaf in LEAVES]
    assert info["missing_keys"] == added
    np.testing.assert_array_equal(
        model.get_input_embeddings().table, donor.get_input_embeddings().table
    )
    model.compile(keras.optimizers.SGD(0.1), loss="mse", run_eagerly=True)
    before = model.own.kernel.numpy()
    model.fit(ids, np.ones((len(ids), 2)), verbose=0)
    assert not np.array_equal(model.own.kernel, before)
    model.resize_token_embeddings(101)
    model.save_pretrained(tmp_path / "own", safe_serialization=safe)
    assert '"WithOwnHead"' in (tmp_path / "own" / "config.json").read_text()
    again, info = TFWithOwnHead.from_pretrained(
        tmp_path / "own", n_values=5, output_loading_info=True
    )
    assert info["missing_keys"] == info["unexpected_keys"] == []
    np.testing.assert_allclose(again(ids), model(ids), atol=1e-6)
    with pytest.raises(WeightMismatchError, match=r"`own.weight` is \(5, 32\), the model needs"):
        TFWithOwnHead.from_pretrained(tmp_path / "own")


def test_variables_a_checkpoint_has_no_name_for_are_not_dropped_silently(config, tmp_path) -> None:
    model = TFWithOwnHead(config)
    model(model.dummy_inputs)
    model.own.enable_lora(2)
    with pytest.raises(CheckpointError, match=r"LoRA in `own`.*`model.save\('x.keras'\)`"):
        model.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_low_rank_adapter_of_keras_is_saved_in_its_matrix(config, ids, tmp_path) -> None:
    model = TFDistilBertModel(config)
    linear = model.transformer.layer[0].attention.q_lin
    linear.enable_lora(2)
    linear.lora_kernel_b.assign(np.ones(linear.lora_kernel_b.shape))
    model.save_pretrained(tmp_path)
    again = TFDistilBertModel.from_pretrained(tmp_path)
    np.testing.assert_allclose(again(ids)[0], model(ids)[0], atol=1e-5)


def test_a_keras_file_loads_in_a_new_process_after_any_class_was_imported(config, tmp_path) -> None:
    TFDistilBertForMaskedLM(config).save(tmp_path / "model.keras")
    code = (
        "import sys, keras; from distilbert import TFDistilBertModel; "
        "print(type(keras.saving.load_model(sys.argv[1])).__name__)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "model.keras"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.stdout == "TFDistilBertForMaskedLM\n", ran.stderr


def test_any_class_registers_all_of_them_with_keras() -> None:
    """A `.keras` file then loads, whichever class was imported."""
    for head in HEADS.values():
        name = f"TF{head.class_name}"
        assert distilbert._MODULE_OF[name] == "distilbert.tensorflow.heads"
        assert keras.saving.get_registered_object(f"distilbert>{name}").__name__ == name
