"""Claims about `distilbert.tensorflow.model`: the encoder itself."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import tensorflow as tf

from distilbert import DistilBertConfig, TFDistilBertModel
from distilbert.checkpoint.init import sinusoid_table
from distilbert.errors import InputError, TokenIdError
from distilbert.outputs import TFBaseModelOutput
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.weights import assign, canonical_arrays

PARAMETERS = [
    "input_ids",
    "attention_mask",
    "head_mask",
    "inputs_embeds",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
    "training",
]


@pytest.fixture
def model(config: DistilBertConfig) -> TFDistilBertModel:
    tf.random.set_seed(0)
    return TFDistilBertModel(config)


def close(one, other) -> None:
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_signature_is_the_pages() -> None:
    assert list(inspect.signature(TFDistilBertModel.call).parameters) == ["self", *PARAMETERS]


def test_variables_go_by_the_names_of_the_references_files(config) -> None:
    paths = [variable.path for variable in TFDistilBertModel(config, name="mine").weights]
    assert paths[0] == "mine/distilbert/embeddings/word_embeddings/weight"
    assert paths[1] == "mine/distilbert/embeddings/position_embeddings/embeddings"
    assert "mine/distilbert/transformer/layer_._0/attention/q_lin/kernel" in paths
    assert "mine/distilbert/transformer/layer_._1/output_layer_norm/gamma" in paths
    assert len(set(paths)) == len(paths) == 4 + 2 * 16


def test_exactly_one_of_ids_and_embeddings_is_needed(model, ids) -> None:
    with pytest.raises(InputError, match="exactly one of `input_ids` and `inputs_embeds`: got nei"):
        model()
    with pytest.raises(ValueError, match="got both"):
        model(ids, inputs_embeds=tf.zeros((3, 7, 32)))


def test_a_too_long_sequence_is_refused_with_the_way_out(model) -> None:
    model(np.ones((1, 40), int))
    with pytest.raises(TokenIdError, match=r"got 41 tokens, at most 40\. Truncate or split"):
        model(np.ones((1, 41), int))


@pytest.mark.parametrize("bad", [99, -1])
def test_an_id_outside_the_vocabulary_is_an_index_error_and_an_error_in_a_graph(model, bad) -> None:
    with pytest.raises(IndexError, match="must lie between 0 and 98"):
        model(np.array([[1, bad]]))
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.predict(np.array([[1, bad]]), verbose=0)


def test_any_mask_with_one_value_per_token_is_accepted(model, ids, mask) -> None:
    close(model(ids, mask[:, None, None])[0], model(ids, mask)[0])
    with pytest.raises(InputError, match=r"one value per token: got \(3, 6\) for 3 sequences of 7"):
        model(ids, mask[:, :6])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_a_row_with_everything_masked_attends_evenly(config, ids, dtype) -> None:
    model = TFDistilBertModel(config, dtype=dtype)
    output = model(ids, np.zeros_like(ids), output_attentions=True)
    assert np.isfinite(tf.cast(output.last_hidden_state, tf.float32)).all()
    for probabilities in output.attentions:
        np.testing.assert_allclose(tf.cast(probabilities, tf.float32), 1 / 7, rtol=1e-2)


def test_output_flags_follow_the_config_unless_the_call_says(model, ids) -> None:
    model.config.output_attentions = True
    model.config.output_hidden_states = True
    assert list(model(ids)) == ["last_hidden_state", "hidden_states", "attentions"]
    assert list(model(ids, output_attentions=False)) == ["last_hidden_state", "hidden_states"]
    model.config.return_dict = False
    output = model(ids)
    assert isinstance(output, tuple)
    assert [isinstance(part, tuple) for part in output] == [False, True, True]
    assert isinstance(model(ids, return_dict=True), TFBaseModelOutput)


@pytest.mark.parametrize("chunk", [1, 3, 7, 50])
def test_chunks_of_any_size_give_the_same_answer(model, config, ids, mask, chunk) -> None:
    """Flaw 24 of the reference: only exact divisors of the length worked."""
    config.chunk_size_feed_forward = chunk
    chunked = TFDistilBertModel(config)
    assign(chunked, canonical_arrays(model))
    close(chunked(ids, mask)[0], model(ids, mask)[0])
    close(chunked.predict(ids, verbose=0)["last_hidden_state"], model(ids)[0])


def test_sinusoidal_positions_are_the_table_and_frozen(config, ids) -> None:
    """Flaw 2 of the reference: learned random positions."""
    config.sinusoidal_pos_embds = True
    model = TFDistilBertModel(config)
    table = model.get_position_embeddings().embeddings
    np.testing.assert_array_equal(table.numpy(), sinusoid_table(40, 32))
    model.trainable = False
    model.trainable = True  # as users do who first train a head alone
    assert not any(variable is table for variable in model.trainable_variables)
    model.init_weights(seed=1)
    np.testing.assert_array_equal(table.numpy(), sinusoid_table(40, 32))


def test_the_padding_row_gets_no_gradient_from_the_lookup(model, ids) -> None:
    ids[0, 0] = 0
    words = model.get_input_embeddings().weight
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(ids, np.ones_like(ids))[0] ** 3)
    gradient = tf.convert_to_tensor(tape.gradient(loss, words.value)).numpy()
    assert not gradient[0].any()
    assert gradient[ids[0, 1]].any()
    assert not words.numpy()[0].any()


def test_dropout_acts_only_in_training(config, ids) -> None:
    config.dropout = config.attention_dropout = 0.5
    model = TFDistilBertModel(config)
    one, other = (model(ids, training=True)[0].numpy() for _ in range(2))
    assert not np.array_equal(one, other)
    np.testing.assert_array_equal(model(ids)[0], model(ids)[0])


def test_a_model_without_layers_returns_its_embeddings(config, ids) -> None:
    config.n_layers = 0
    model = TFDistilBertModel(config)
    close(model(ids)[0], model.embeddings(ids))


def test_no_padding_id_means_no_padding_row(config, ids) -> None:
    for pad in (None, 500):
        config.pad_token_id = pad
        model = TFDistilBertModel(config)
        assert model.get_input_embeddings().padding_idx is None
        model(ids)


def test_sizes_unknown_while_tracing_give_the_same_answers(model, ids, mask) -> None:
    spec = tf.TensorSpec((None, None), tf.int32)
    traced = tf.function(lambda a, b: model(a, b)[0], input_signature=[spec, spec])
    close(traced(ids.astype(np.int32), mask.astype(np.int32)), model(ids, mask)[0])
    compiled = tf.function(lambda a, b: model(a, b)[0], jit_compile=True)
    close(compiled(ids, mask), model(ids, mask)[0])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_a_mixed_policy_computes_in_half_and_keeps_float32_weights(config, ids, policy) -> None:
    model = TFDistilBertModel(config, dtype=policy)
    assert {variable.dtype for variable in model.weights} == {"float32"}
    assert model(ids)[0].dtype == policy.removeprefix("mixed_")
    kinds = {layer.compute_dtype for layer in model._flatten_layers()}
    assert kinds == {policy.removeprefix("mixed_")}
    assert isinstance(model, keras.Model)
