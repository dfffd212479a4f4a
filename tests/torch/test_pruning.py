"""Claims about `distilbert.torch.pruning`."""

from __future__ import annotations

import copy

import pytest
import torch

from distilbert import DistilBertForSequenceClassification, DistilBertModel
from distilbert.errors import InputError


@pytest.fixture
def model(config):
    torch.manual_seed(0)
    return DistilBertModel(config).eval()


@pytest.mark.parametrize("implementation", ["eager", "sdpa"])
def test_a_pruned_head_is_as_good_as_a_masked_one(model, ids, mask, implementation) -> None:
    factors = torch.tensor([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 1.0]])
    expected = model(ids, mask, head_mask=factors)[0]
    model.set_attn_implementation(implementation)
    model.prune_heads({0: [0, 2], 1: [1]})
    torch.testing.assert_close(model(ids, mask)[0], expected)
    shapes = [x.shape for x in model(ids, mask, output_attentions=True).attentions]
    assert shapes == [(3, 2, 7, 7), (3, 3, 7, 7)]
    attention = model.transformer.layer[0].attention
    assert (attention.n_heads, attention.dim, attention.q_lin.out_features) == (2, 16, 16)
    assert attention.out_lin.in_features == 16


def test_numbers_always_mean_the_unpruned_model(model, ids) -> None:
    factors = torch.tensor([[0.0, 1.0, 0.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    expected = model(ids, head_mask=factors)[0]
    model.prune_heads({0: [0]})
    model.prune_heads({0: [2]})
    model.prune_heads({0: [0, 2]})
    torch.testing.assert_close(model(ids)[0], expected)
    assert model.config.pruned_heads == {0: [0, 2]}


def test_a_layer_without_heads_still_computes(model, ids) -> None:
    model.prune_heads({0: [0, 1, 2, 3]})
    assert model(ids)[0].isfinite().all()


def test_unknown_heads_are_refused_and_nothing_is_pruned(model) -> None:
    for bad in ({5: [0]}, {1: [0], 0: [4]}, {0: [-5]}, {-3: [0]}):
        with pytest.raises(InputError, match=r"layers below 2 and heads below 4, or neg.*: got l"):
            model.prune_heads(bad)
    assert model.config.pruned_heads == {}
    assert model.transformer.layer[1].attention.n_heads == 4


def test_negative_numbers_count_from_the_end(model, config, ids, tmp_path) -> None:
    """The reference writes them into the config as they are given."""
    expected = copy.deepcopy(model)
    expected.prune_heads({1: [0, 3]})
    model.prune_heads({-1: [0]})
    model.prune_heads({1: [-1]})
    assert model.config.pruned_heads == {1: [0, 3]}
    torch.testing.assert_close(model(ids)[0], expected(ids)[0])
    model.config.pruned_heads = {-1: [0, -1]}
    model.save_pretrained(tmp_path)
    again = DistilBertModel.from_pretrained(tmp_path)
    assert again.transformer.layer[1].attention.pruned_heads == {0, 3}
    torch.testing.assert_close(again(ids)[0], expected(ids)[0])


def test_a_pruned_model_survives_saving_and_building(model, config, ids, tmp_path) -> None:
    head = DistilBertForSequenceClassification(config).eval()
    head.prune_heads({1: [3, 0]})
    head.save_pretrained(tmp_path)
    again = DistilBertForSequenceClassification.from_pretrained(tmp_path)
    assert again.config.pruned_heads == {1: [0, 3]}
    torch.testing.assert_close(again(ids).logits, head(ids).logits)
    again.prune_heads({1: [1]})
    assert again.distilbert.transformer.layer[1].attention.n_heads == 1


def test_pruning_keeps_dtype_and_training_state(model) -> None:
    model.double()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.prune_heads({0: [1]})
    weight = model.transformer.layer[0].attention.q_lin.weight
    assert weight.dtype == torch.float64
    assert not weight.requires_grad
