"""Claims about `distilbert.flax.resizing`."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from distilbert import (
    FlaxDistilBertForMaskedLM,
    FlaxDistilBertForQuestionAnswering,
    FlaxDistilBertModel,
)
from distilbert.checkpoint.init import sinusoid_table
from distilbert.errors import InputError


@pytest.fixture
def masked_lm(config):
    return FlaxDistilBertForMaskedLM(config)


@pytest.mark.parametrize("size", [120, 50])
@pytest.mark.parametrize("tied", [True, False])
def test_words_can_be_added_and_removed(config, size, tied) -> None:
    config.tie_word_embeddings = tied
    model = FlaxDistilBertForMaskedLM(config)
    bias = jax.random.normal(jax.random.key(0), (99,))
    model.replace_leaves({"vocab_projector/bias": bias})
    old, projection, tree = (
        model.get_input_embeddings(),
        model.get_output_embeddings(),
        model.params,
    )
    embedding = model.resize_token_embeddings(size)
    kept = min(size, 99)
    assert embedding is model.get_input_embeddings()
    assert model.config.vocab_size == size
    assert embedding.shape == model.get_output_embeddings().shape == (size, 32)
    assert np.array_equal(embedding[:kept], old[:kept])
    assert np.array_equal(model.get_output_embeddings()[:kept], projection[:kept])
    assert np.array_equal(model.params["vocab_projector"]["bias"][:kept], bias[:kept])
    assert not model.params["vocab_projector"]["bias"][kept:].any()
    assert np.array_equal(model.get_output_embeddings(), embedding) == tied
    assert model(np.array([[1, size - 1]])).logits.shape == (1, 2, size)
    assert tree["vocab_projector"]["bias"] is bias  # a tree handed out earlier does not change


def test_new_words_are_drawn_like_fresh_ones(masked_lm) -> None:
    masked_lm.resize_token_embeddings(2000)
    new = masked_lm.get_input_embeddings()[99:]
    assert float(new.std()) == pytest.approx(0.02, rel=0.05)
    assert float(new.mean()) == pytest.approx(0, abs=0.001)


def test_the_size_can_be_rounded_up_or_kept(masked_lm) -> None:
    assert len(masked_lm.resize_token_embeddings()) == 99
    assert len(masked_lm.resize_token_embeddings(99)) == 99
    assert len(masked_lm.resize_token_embeddings(100, pad_to_multiple_of=8)) == 104
    assert len(masked_lm.resize_token_embeddings(pad_to_multiple_of=10)) == 110


def test_a_resized_model_is_saved_and_loaded(masked_lm, tmp_path) -> None:
    masked_lm.resize_token_embeddings(120)
    masked_lm.resize_position_embeddings(64)
    masked_lm.save_pretrained(tmp_path)
    again = FlaxDistilBertForMaskedLM.from_pretrained(tmp_path)
    ids = np.random.default_rng(0).integers(1, 120, (1, 64))
    assert np.array_equal(again(ids).logits, masked_lm(ids).logits)


def test_removing_the_padding_word_drops_its_special_role(config) -> None:
    config.pad_token_id, config.n_layers = 90, 1
    model = FlaxDistilBertModel(config)
    model.resize_token_embeddings(50)
    ids = np.array([[1, 49]])

    @jax.jit
    def objective(params):
        return (model(ids, params=params, train=True)[0] ** 3).sum()

    slope = jax.grad(objective)(model.params)["embeddings"]["word_embeddings"]["embedding"]
    assert np.flatnonzero(np.any(slope, axis=1)).tolist() == [1, 49]


def test_longer_inputs_work_after_positions_were_added(config) -> None:
    model = FlaxDistilBertForQuestionAnswering(config)
    old = model.get_position_embeddings()
    short = np.random.default_rng(0).integers(1, 99, (1, 40))
    before = model(short).start_logits
    model.resize_position_embeddings(64)
    assert model.config.max_position_embeddings == 64
    assert np.array_equal(model.get_position_embeddings()[:40], old)
    assert np.array_equal(model(short).start_logits, before)
    assert model(np.ones((1, 64), int)).start_logits.shape == (1, 64)
    with pytest.raises(IndexError, match="at most 64"):
        model(np.ones((1, 65), int))


def test_positions_can_be_removed(config) -> None:
    model = FlaxDistilBertModel(config)
    before = model(np.ones((1, 12), int))[0]
    model.resize_position_embeddings(12)
    assert np.array_equal(model(np.ones((1, 12), int))[0], before)
    with pytest.raises(IndexError, match="at most 12"):
        model(np.ones((1, 13), int))
    model.resize_position_embeddings(12)


@pytest.mark.parametrize("size", [64, 10])
@pytest.mark.parametrize("held", [True, False])
def test_sinusoidal_positions_are_computed_for_the_new_size(config, size, held) -> None:
    config.sinusoidal_pos_embds = True
    model = FlaxDistilBertModel(config)
    if held:
        model.replace_leaves(
            {"embeddings/position_embeddings/embedding": np.ones((40, 32), np.float32)}
        )
    model.resize_position_embeddings(size)
    np.testing.assert_array_equal(model.get_position_embeddings(), sinusoid_table(size, 32))
    model(np.ones((1, size), int))


@pytest.mark.parametrize("size", [0, -3, 2.5, True])
def test_sizes_must_be_positive_whole_numbers(masked_lm, size) -> None:
    with pytest.raises(InputError, match=r"`new_num_tokens` must be an integer >= 1: got"):
        masked_lm.resize_token_embeddings(size)
    with pytest.raises(InputError, match=r"`new_num_position_embeddings` must be an integer"):
        masked_lm.resize_position_embeddings(size)
