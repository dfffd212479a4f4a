"""Claims about `distilbert.tensorflow.resizing`."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from distilbert import TFDistilBertForMaskedLM, TFDistilBertForQuestionAnswering, TFDistilBertModel
from distilbert.checkpoint.init import sinusoid_table
from distilbert.errors import InputError


@pytest.fixture
def masked_lm(config):
    tf.random.set_seed(0)
    return TFDistilBertForMaskedLM(config)


@pytest.mark.parametrize("size", [120, 50])
@pytest.mark.parametrize("tied", [True, False])
def test_words_can_be_added_and_removed(config, size, tied) -> None:
    config.tie_word_embeddings = tied
    model = TFDistilBertForMaskedLM(config)
    old = model.get_input_embeddings().weight.numpy()
    n_weights = len(model.weights)
    bias = np.random.default_rng(0).standard_normal(99).astype(np.float32)
    model.vocab_projector.bias.assign(bias)
    kernel = None if tied else model.vocab_projector.kernel.numpy()
    embedding = model.resize_token_embeddings(size)
    kept = min(size, 99)
    assert embedding is model.get_input_embeddings()
    assert embedding.n_rows == model.config.vocab_size == model.vocab_projector.units == size
    assert embedding.weight.shape == (size, 32)
    np.testing.assert_array_equal(embedding.weight.numpy()[:kept], old[:kept])
    np.testing.assert_array_equal(model.vocab_projector.bias.numpy()[:kept], bias[:kept])
    assert not model.vocab_projector.bias.numpy()[kept:].any()
    if kernel is not None:
        held = model.vocab_projector.kernel.numpy()
        np.testing.assert_array_equal(held[:, :kept], kernel[:, :kept])
    ids = np.array([[1, size - 1]])
    assert model(ids, labels=ids).logits.shape == (1, 2, size)
    assert len(model.weights) == n_weights
    assert len({variable.path for variable in model.weights}) == n_weights


def test_new_words_are_drawn_like_fresh_ones(masked_lm) -> None:
    tf.random.set_seed(3)
    masked_lm.resize_token_embeddings(2000)
    new = masked_lm.get_input_embeddings().weight.numpy()[99:]
    assert new.std() == pytest.approx(0.02, rel=0.05)
    assert new.mean() == pytest.approx(0, abs=0.001)


def test_the_size_can_be_rounded_up_or_kept(masked_lm) -> None:
    assert masked_lm.resize_token_embeddings().n_rows == 99
    assert masked_lm.resize_token_embeddings(99).n_rows == 99
    assert masked_lm.resize_token_embeddings(100, pad_to_multiple_of=8).n_rows == 104
    assert masked_lm.resize_token_embeddings(pad_to_multiple_of=10).n_rows == 110


def test_a_resized_model_is_trained_saved_and_loaded(masked_lm, tmp_path) -> None:
    ids = np.random.default_rng(0).integers(1, 120, (1, 64))
    masked_lm.resize_token_embeddings(120)
    masked_lm.resize_position_embeddings(64)
    masked_lm.compile(optimizer="sgd")
    masked_lm.fit({"input_ids": ids, "labels": ids}, verbose=0)
    masked_lm.save_pretrained(tmp_path)
    again = TFDistilBertForMaskedLM.from_pretrained(tmp_path)
    np.testing.assert_allclose(again(ids).logits, masked_lm(ids).logits, atol=1e-6)


def test_removing_the_padding_word_drops_its_special_role(config) -> None:
    config.pad_token_id = 90
    model = TFDistilBertModel(config)
    model.resize_token_embeddings(50)
    assert model.get_input_embeddings().padding_idx is None
    model(np.array([[1, 49]]))


def test_longer_inputs_work_after_positions_were_added(config) -> None:
    """Flaw 18 of the reference: longer inputs still failed."""
    model = TFDistilBertForQuestionAnswering(config)
    old = model.get_position_embeddings().embeddings.numpy()
    short = np.random.default_rng(0).integers(1, 99, (1, 40))
    before = model(short).start_logits
    model.resize_position_embeddings(64)
    assert model.config.max_position_embeddings == 64
    np.testing.assert_array_equal(model.get_position_embeddings().embeddings.numpy()[:40], old)
    np.testing.assert_allclose(model(short).start_logits, before, atol=1e-6)
    assert model(np.ones((1, 64), int)).start_logits.shape == (1, 64)
    with pytest.raises(IndexError, match="at most 64"):
        model(np.ones((1, 65), int))


def test_positions_can_be_removed(config) -> None:
    model = TFDistilBertModel(config)
    before = model(np.ones((1, 12), int))[0]
    model.resize_position_embeddings(12)
    np.testing.assert_allclose(model(np.ones((1, 12), int))[0], before, atol=1e-6)
    with pytest.raises(IndexError, match="at most 12"):
        model(np.ones((1, 13), int))
    model.resize_position_embeddings(12)


@pytest.mark.parametrize("size", [64, 10])
def test_sinusoidal_positions_are_computed_for_the_new_size(config, size) -> None:
    """Flaw 18 of the reference: AttributeError."""
    config.sinusoidal_pos_embds = True
    model = TFDistilBertModel(config, dtype="float64")
    model.resize_position_embeddings(size)
    table = model.get_position_embeddings().embeddings
    np.testing.assert_array_equal(table.numpy().astype(np.float32), sinusoid_table(size, 32))
    assert not table.trainable
    assert table.dtype == "float64"
    model(np.ones((1, size), int))


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_sizes_must_be_positive_whole_numbers(masked_lm, size) -> None:
    with pytest.raises(InputError, match=r"`new_num_tokens` must be an integer >= 1: got"):
        masked_lm.resize_token_embeddings(size)
    with pytest.raises(InputError, match=r"`new_num_position_embeddings` must be an integer"):
        masked_lm.resize_position_embeddings(size)
