"""Claims about `distilbert.flax.model`: the encoder itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from distilbert import DistilBertConfig, FlaxDistilBertModel
from distilbert.checkpoint.init import sinusoid_table
from distilbert.errors import InputError, TokenIdError
from distilbert.flax.weights import flatten
from distilbert.outputs import FlaxBaseModelOutput


@pytest.fixture
def model(config: DistilBertConfig) -> FlaxDistilBertModel:
    return FlaxDistilBertModel(config)


def test_misspelled_and_unknown_arguments_are_type_errors(model, ids, mask) -> None:
    for name in ("attention_masks", "token_type_ids"):
        with pytest.raises(TypeError, match=name):
            model(ids, **{name: mask})


def test_exactly_one_of_ids_and_embeddings_is_needed(model, ids) -> None:
    with pytest.raises(InputError, match="exactly one of `input_ids` and `inputs_embeds`: got nei"):
        model()
    with pytest.raises(ValueError, match="got both"):
        model(ids, inputs_embeds=np.zeros((3, 7, 32)))


def test_a_too_long_sequence_is_refused_inside_a_trace_too(model) -> None:
    model(np.ones((1, 40), int))
    for call in (model, jax.jit(model), jax.vmap(lambda row: model(row[None]))):
        with pytest.raises(TokenIdError, match=r"got 41 tokens, at most 40\. Truncate or split"):
            call(np.ones((1, 41), int))


@pytest.mark.parametrize("dtype", ["int64", "int32", "bool", "float32"])
def test_a_key_is_masked_only_where_the_mask_is_zero(model, ids, mask, dtype) -> None:
    expected = model(ids, mask)[0]
    assert np.array_equal(model(ids, mask.astype(dtype))[0], expected)
    if dtype == "float32":
        for factor in (0.5, 2.0, -1.0):
            assert np.array_equal(model(ids, mask * factor)[0], expected)


def test_any_mask_with_one_value_per_token_is_accepted(model, ids, mask) -> None:
    assert np.array_equal(model(ids, mask[:, None, None])[0], model(ids, mask)[0])
    with pytest.raises(InputError, match=r"one value per token: got \(3, 6\) for 3 sequences of 7"):
        model(ids, mask[:, :6])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_a_row_with_everything_masked_stays_finite(config, ids, dtype) -> None:
    """Flaw 6 of the reference: nan in float16 with any mask at all."""
    model = FlaxDistilBertModel(config, dtype=dtype)
    output = model(ids, np.zeros_like(ids), output_attentions=True)
    assert output.last_hidden_state.dtype == jnp.dtype(dtype)
    assert jnp.isfinite(output.last_hidden_state).all()
    for probabilities in output.attentions:
        np.testing.assert_allclose(probabilities.astype(jnp.float32), 1 / 7, rtol=1e-2)


def test_all_states_and_probabilities_are_returned_when_asked(model, ids, mask) -> None:
    output = model(ids, mask, output_attentions=True, output_hidden_states=True)
    assert isinstance(output, FlaxBaseModelOutput)
    assert [x.shape for x in output.hidden_states] == [(3, 7, 32)] * 3
    assert [x.shape for x in output.attentions] == [(3, 4, 7, 7)] * 2
    assert np.array_equal(output.hidden_states[-1], output.last_hidden_state)


def test_output_flags_follow_the_config_unless_the_call_says(model, ids) -> None:
    model.config.output_attentions = True
    model.config.output_hidden_states = True
    assert list(model(ids)) == ["last_hidden_state", "hidden_states", "attentions"]
    assert list(model(ids, output_attentions=False)) == ["last_hidden_state", "hidden_states"]
    model.config.return_dict = False
    output = model(ids)
    assert [type(part) for part in output[1:]] == [tuple, tuple]
    assert len(output[1]) == 3  # hidden states first, as in PyTorch (flaw 4)
    model.config.return_dict, model.config.torchscript = True, True
    assert isinstance(model(ids), tuple)
    assert isinstance(model(ids, return_dict=True), FlaxBaseModelOutput)


def test_head_masks_of_both_shapes_scale_the_probabilities(model, ids) -> None:
    """Flaw 5 of the reference: accepted, and ignored."""
    plain = model(ids, output_attentions=True).attentions
    factors = np.array([[1.0, 0.0, 0.5, 2.0], [0.0, 1.0, 1.0, 1.0]], np.float32)
    masked = model(ids, head_mask=factors, output_attentions=True).attentions
    np.testing.assert_allclose(masked[0], plain[0] * factors[0][:, None, None], rtol=1e-6)
    assert not masked[1][:, 0].any()
    one, both = model(ids, head_mask=factors[0])[0], model(ids, head_mask=factors[[0, 0]])[0]
    assert np.array_equal(one, both)


@pytest.mark.parametrize("chunk", [1, 3, 7, 50])
def test_chunks_of_any_size_give_the_same_answer(model, config, ids, mask, chunk) -> None:
    config.chunk_size_feed_forward = chunk
    chunked = FlaxDistilBertModel(config)
    np.testing.assert_allclose(
        chunked(ids, mask, params=model.params)[0], model(ids, mask)[0], atol=1e-6
    )


def test_sinusoidal_positions_are_the_table_and_no_parameter(config, ids) -> None:
    learned = FlaxDistilBertModel(config)
    config.sinusoidal_pos_embds = True
    model = FlaxDistilBertModel(config)
    assert not any("position" in path for path in flatten(model.params))
    assert np.array_equal(model.get_position_embeddings(), sinusoid_table(40, 32))
    path = "embeddings/position_embeddings/embedding"
    learned.replace_leaves({path: sinusoid_table(40, 32)})
    np.testing.assert_allclose(model(ids)[0], learned(ids)[0], atol=1e-6)


def test_training_leaves_the_padding_row_alone(model, ids) -> None:
    """The derivative of an evaluation has the row, as in the reference's Flax."""
    ids[0, 0] = 0

    def slope(train: bool) -> jax.Array:
        def objective(params):
            return (model(ids, params=params, train=train)[0] ** 3).sum()

        return flatten(jax.grad(objective)(model.params))["embeddings/word_embeddings/embedding"]

    training, evaluating = slope(True), slope(False)
    assert not training[0].any()
    assert evaluating[0].any()
    assert np.array_equal(training[1:], evaluating[1:])


@pytest.mark.parametrize("rate", ["dropout", "attention_dropout"])
def test_dropout_acts_only_in_training_and_never_without_a_key(config, ids, rate) -> None:
    setattr(config, rate, 0.5)
    model = FlaxDistilBertModel(config)
    one, other = jax.random.split(jax.random.key(0))
    first = model(ids, train=True, dropout_rng=one)[0]
    assert np.array_equal(first, model(ids, train=True, dropout_rng=one)[0])
    assert not np.array_equal(first, model(ids, train=True, dropout_rng=other)[0])
    assert np.array_equal(model(ids)[0], model(ids, dropout_rng=one)[0])
    with pytest.raises(InputError, match=r"`train=True` with dropout needs `dropout_rng`"):
        model(ids, train=True)


def test_attention_dropout_shows_in_the_probabilities_returned(config, ids) -> None:
    config.attention_dropout = 0.5
    model = FlaxDistilBertModel(config)
    key = jax.random.PRNGKey(0)  # of the old kind
    output = model(ids, train=True, dropout_rng=key, output_attentions=True)
    dropped = [float((part == 0).mean()) for part in output.attentions]
    assert dropped == pytest.approx([0.5, 0.5], abs=0.1)


def test_a_model_without_layers_returns_its_embeddings(config, ids) -> None:
    config.n_layers = 0
    model = FlaxDistilBertModel(config)
    output = model(ids, output_hidden_states=True, output_attentions=True)
    assert np.array_equal(output.last_hidden_state, output.hidden_states[0])
    assert output.attentions == ()


@pytest.mark.parametrize("shape", [(0, 7), (1, 1), (2, 40)])
def test_extreme_batches_work(model, shape) -> None:
    ids = np.ones(shape, int)
    assert model(ids, np.ones_like(ids))[0].shape == (*shape, 32)


def test_no_padding_id_means_no_padding_row(config, ids) -> None:
    for pad in (None, 500):
        config.pad_token_id = pad
        model = FlaxDistilBertModel(config)
        slope = jax.grad(lambda p, m=model: (m(ids * 0, params=p, train=True)[0] ** 3).sum())
        words = flatten(slope(model.params))["embeddings/word_embeddings/embedding"]
        assert words[0].any()
