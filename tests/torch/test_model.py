"""Claims about `distilbert.torch.model`: the encoder itself."""

from __future__ import annotations

import inspect
import logging
import subprocess
import sys

import numpy as np
import pytest
import torch

from distilbert import BatchEncoding, DistilBertConfig, DistilBertModel
from distilbert.checkpoint.init import sinusoid_table
from distilbert.errors import InputError, TokenIdError
from distilbert.input_checks import warn_of_unmasked_padding
from distilbert.outputs import BaseModelOutput

PARAMETERS = [
    "input_ids",
    "attention_mask",
    "head_mask",
    "inputs_embeds",
    "output_attentions",
    "output_hidden_states",
    "return_dict",
]


@pytest.fixture
def model(config: DistilBertConfig) -> DistilBertModel:
    torch.manual_seed(0)
    return DistilBertModel(config).eval()


def test_the_signature_is_the_pages() -> None:
    assert list(inspect.signature(DistilBertModel.forward).parameters) == ["self", *PARAMETERS]
    assert list(inspect.signature(DistilBertModel).parameters) == ["config"]


def test_misspelled_and_unknown_arguments_are_type_errors(model, ids, mask) -> None:
    for name in ("attention_masks", "token_type_ids", "position_id"):
        with pytest.raises(TypeError, match=name):
            model(ids, **{name: mask})


def test_exactly_one_of_ids_and_embeddings_is_needed(model, ids) -> None:
    with pytest.raises(InputError, match="exactly one of `input_ids` and `inputs_embeds`: got nei"):
        model()
    with pytest.raises(ValueError, match="got both"):
        model(ids, inputs_embeds=torch.zeros(3, 7, 32))


def test_embeddings_given_directly_answer_like_their_ids(model, ids, mask) -> None:
    embedded = model.get_input_embeddings()(ids)
    torch.testing.assert_close(
        model(inputs_embeds=embedded, attention_mask=mask)[0], model(ids, mask)[0]
    )


def test_a_too_long_sequence_is_refused_with_the_way_out(model) -> None:
    model(torch.ones(1, 40, dtype=torch.long))
    with pytest.raises(TokenIdError, match=r"got 41 tokens, at most 40\. Truncate or split"):
        model(torch.ones(1, 41, dtype=torch.long))


def test_an_id_outside_the_vocabulary_is_an_index_error(model) -> None:
    for bad in (99, -1):
        with pytest.raises(IndexError):
            model(torch.tensor([[1, bad]]))


@pytest.mark.parametrize("dtype", [torch.long, torch.int32, torch.bool, torch.float32])
def test_a_key_is_masked_only_where_the_mask_is_zero(model, ids, mask, dtype) -> None:
    expected = model(ids, mask)[0]
    torch.testing.assert_close(model(ids, mask.to(dtype))[0], expected)
    if dtype == torch.float32:
        for factor in (0.5, 2.0, -1.0):
            torch.testing.assert_close(model(ids, mask * factor)[0], expected)


def test_any_mask_with_one_value_per_token_is_accepted(model, ids, mask) -> None:
    torch.testing.assert_close(model(ids, mask[:, None, None])[0], model(ids, mask)[0])
    with pytest.raises(InputError, match=r"one value per token: got \(3, 6\) for 3 sequences of 7"):
        model(ids, mask[:, :6])


def test_padding_does_not_change_other_tokens(model, ids, mask) -> None:
    padded = model(ids, mask)[0]
    torch.testing.assert_close(padded[1, :4], model(ids[1:2, :4])[0][0], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str
)
@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_row_with_everything_masked_stays_finite(model, ids, dtype, implementation) -> None:
    """Flaw 28 of the reference: nan in float64."""
    model.to(dtype).set_attn_implementation(implementation)
    output = model(ids, torch.zeros_like(ids), output_attentions=True)
    assert output.last_hidden_state.isfinite().all()
    for probabilities in output.attentions:
        torch.testing.assert_close(
            probabilities, torch.full_like(probabilities, 1 / 7), atol=1e-3, rtol=1e-2
        )


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_all_states_and_probabilities_are_returned_when_asked(
    model, ids, mask, implementation
) -> None:
    """The trap of newer peers: an empty tuple under fused attention."""
    model.set_attn_implementation(implementation)
    output = model(ids, mask, output_attentions=True, output_hidden_states=True)
    assert isinstance(output, BaseModelOutput)
    assert [x.shape for x in output.hidden_states] == [(3, 7, 32)] * 3
    assert [x.shape for x in output.attentions] == [(3, 4, 7, 7)] * 2
    torch.testing.assert_close(output.hidden_states[-1], output.last_hidden_state)
    torch.testing.assert_close(model(ids, mask).last_hidden_state, output.last_hidden_state)


def test_output_flags_follow_the_config_unless_the_call_says(model, ids) -> None:
    model.config.output_attentions = True
    model.config.output_hidden_states = True
    assert list(model(ids)) == ["last_hidden_state", "hidden_states", "attentions"]
    assert list(model(ids, output_attentions=False)) == ["last_hidden_state", "hidden_states"]
    model.config.return_dict = False
    output = model(ids)
    assert isinstance(output, tuple)
    assert [type(part) for part in output] == [torch.Tensor, tuple, tuple]
    assert len(output[1]) == 3
    model.config.return_dict, model.config.torchscript = True, True
    assert isinstance(model(ids), tuple)
    assert isinstance(model(ids, return_dict=True), BaseModelOutput)


def test_head_masks_of_both_shapes_scale_the_probabilities(model, ids) -> None:
    plain = model(ids, output_attentions=True).attentions
    factors = torch.tensor([[1.0, 0.0, 0.5, 2.0], [0.0, 1.0, 1.0, 1.0]])
    masked = model(ids, head_mask=factors, output_attentions=True).attentions
    torch.testing.assert_close(masked[0], plain[0] * factors[0][:, None, None])
    assert masked[1][:, 0].abs().max() == 0
    torch.testing.assert_close(
        model(ids, head_mask=factors[0])[0], model(ids, head_mask=factors[[0, 0]])[0]
    )


@pytest.mark.parametrize("chunk", [1, 3, 7, 50])
def test_chunks_of_any_size_give_the_same_answer(model, config, ids, mask, chunk) -> None:
    """Flaw 24 of the reference: only exact divisors of the length worked."""
    config.chunk_size_feed_forward = chunk
    chunked = DistilBertModel(config).eval()
    chunked.load_state_dict(model.state_dict())
    torch.testing.assert_close(chunked(ids, mask)[0], model(ids, mask)[0])


def test_sinusoidal_positions_are_the_table_and_frozen(config, ids) -> None:
    """Flaw 1 of the reference: the table was overwritten by random values, still frozen."""
    config.sinusoidal_pos_embds = True
    model = DistilBertModel(config)
    weight = model.get_position_embeddings().weight
    np.testing.assert_array_equal(weight.detach().numpy(), sinusoid_table(40, 32))
    assert not weight.requires_grad
    model(ids)[0].sum().backward()
    assert weight.grad is None
    model.init_weights(seed=1)
    np.testing.assert_array_equal(weight.detach().numpy(), sinusoid_table(40, 32))


def test_the_padding_row_gets_no_gradient_from_the_lookup(model, ids) -> None:
    ids[0, 0] = 0
    model(ids)[0].sum().backward()
    weight = model.get_input_embeddings().weight
    assert weight[0].abs().max() == 0
    assert weight.grad[0].abs().max() == 0
    assert weight.grad[ids[0, 1]].abs().max() > 0


def test_padding_without_a_mask_is_warned_of_once(model, ids, caplog) -> None:
    warn_of_unmasked_padding.cache_clear()
    with caplog.at_level(logging.WARNING, logger="distilbert"):
        model(ids)
        assert not caplog.records
        ids[0, -1] = 0
        model(ids, torch.ones_like(ids))
        assert not caplog.records
        model(ids)
        model(ids)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "there is no `attention_mask`" in caplog.text


def test_dropout_acts_only_in_training(config, ids) -> None:
    config.dropout = config.attention_dropout = 0.5
    for implementation in ("eager", "sdpa"):
        config._attn_implementation = implementation
        model = DistilBertModel(config)
        assert model.training
        assert not torch.equal(model(ids)[0], model(ids)[0])
        model.eval()
        assert torch.equal(model(ids)[0], model(ids)[0])


def test_a_model_without_layers_returns_its_embeddings(config, ids) -> None:
    config.n_layers = 0
    model = DistilBertModel(config).eval()
    torch.testing.assert_close(model(ids)[0], model.embeddings(ids))


@pytest.mark.parametrize("shape", [(0, 7), (1, 1), (2, 40)])
def test_extreme_batches_work(model, shape) -> None:
    ids = torch.ones(shape, dtype=torch.long)
    for implementation in ("eager", "sdpa"):
        model.set_attn_implementation(implementation)
        assert model(ids, torch.ones_like(ids))[0].shape == (*shape, 32)


def test_no_padding_id_means_no_padding_row(config, ids) -> None:
    for pad in (None, 500):
        config.pad_token_id = pad
        model = DistilBertModel(config)
        assert model.get_input_embeddings().padding_idx is None
        model(ids)


def test_building_and_loading_wake_no_compiler(config, tmp_path) -> None:
    """PyTorch's compiler, once imported, costs more than the rest of a start-up."""
    DistilBertModel(config).save_pretrained(tmp_path)
    code = (
        "import sys; from distilbert import DistilBertModel as M; "
        f"model = M.from_pretrained({str(tmp_path)!r}); M(model.config)(**model.dummy_inputs); "
        "print([name for name in ('torch._dynamo', 'sympy', 'h5py') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


def test_what_is_not_a_tensor_is_named_with_what_to_do(config, ids, mask):
    model = DistilBertModel(config)
    encoding = BatchEncoding({"input_ids": ids, "attention_mask": mask})
    with pytest.raises(InputError, match=r"`input_ids` must be a tensor: got BatchEncoding\. Pass"):
        model(encoding)
    for name, value in (
        ("input_ids", ids.tolist()),
        ("attention_mask", mask.numpy()),
        ("position_ids", [0, 1]),
    ):
        with pytest.raises(InputError, match=f"`{name}` must be a tensor: got (list|ndarray). Tok"):
            model(**{"input_ids": ids, name: value})


def test_positions_of_a_sinusoidal_model_may_be_given_too(config, ids):
    config.sinusoidal_pos_embds = True
    model = DistilBertModel(config).eval()
    counted = torch.arange(7)
    torch.testing.assert_close(model(ids, position_ids=counted)[0], model(ids)[0])
    compiled = torch.compile(model, backend="eager")
    moved = model(ids, position_ids=counted + 1)[0]
    torch.testing.assert_close(compiled(ids, position_ids=counted + 1)[0], moved)
