"""Packed attention: that of every sequence alone, whichever share a call."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from distilbert import DistilBertConfig
from distilbert.torch.model import DistilBertModel
from distilbert.torch.packed_attention import attend_packed
from distilbert.torch.packing import Packing

LENGTHS = torch.tensor([2, 70, 5, 1, 33, 64])
MASK = (torch.arange(80) < LENGTHS[:, None]).long()


@pytest.mark.parametrize("first_only", [False, True])
def test_every_sequence_attends_to_itself_alone(first_only: bool) -> None:
    torch.manual_seed(0)
    packing = Packing.from_mask(MASK)
    assert len(packing.groups) > 1
    padded = [torch.randn(6, 80, 8) for _ in range(3)]
    packed = [packing.pack(x) for x in padded]
    if first_only:
        packed[0] = packing.first_tokens(packed[0])
    found = attend_packed(
        *packed,
        packing=packing,
        first_only=first_only,
        head_size=4,
        dropout=0.0,
        implementation="sdpa",
    )
    assert found.shape == packed[0].shape
    rows = packing.unpack_first(found) if first_only else packing.unpack(found)
    for row, n in enumerate(LENGTHS.tolist()):
        q, k, v = (x[row, :n].unflatten(-1, (2, 4)).transpose(0, 1) for x in padded)
        expected = F.scaled_dot_product_attention(q, k, v).transpose(0, 1).flatten(1)
        expected = expected[:1] if first_only else expected
        torch.testing.assert_close(rows[row, : len(expected)], expected)


@pytest.mark.parametrize("training", [False, True])
def test_the_first_tokens_are_those_of_the_whole_model(training: bool) -> None:
    torch.manual_seed(0)
    options = {"dropout": 0.0, "attention_dropout": 0.0, "max_position_embeddings": 80}
    config = DistilBertConfig(
        vocab_size=99, dim=32, n_heads=4, n_layers=2, hidden_dim=64, **options
    )
    model = DistilBertModel(config).train(training)
    lengths = torch.tensor([2, 70, 5, 1, 0, 33, 64])
    mask = (torch.arange(70) < lengths[:, None]).long()
    ids = torch.randint(5, 99, mask.shape) * mask
    firsts = model.encode_first(ids, mask)
    assert firsts.shape == (7, 1, 32)
    whole = model(ids, mask).last_hidden_state[:, :1]
    torch.testing.assert_close(firsts, whole, rtol=1e-5, atol=1e-5)
    weights = list(model.parameters())
    pairs = [torch.autograd.grad(x.square().sum(), weights) for x in (firsts, whole)]
    for found, expected in zip(*pairs, strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
