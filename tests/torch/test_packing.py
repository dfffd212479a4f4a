"""Packed tokens see what they see in a padded batch, and nothing of their neighbours."""

from __future__ import annotations

import pytest
import torch

from distilbert import DistilBertConfig
from distilbert.errors import TokenIdError
from distilbert.torch.model import DistilBertModel
from distilbert.torch.packing import Packing

MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]])


@pytest.fixture(scope="module")
def model() -> DistilBertModel:
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=99, dim=32, n_heads=4, n_layers=2, hidden_dim=64, max_position_embeddings=16
    )
    return DistilBertModel(config).eval()


def test_pack_and_spread_are_each_others_inverse() -> None:
    packing = Packing.of(MASK)
    padded = torch.arange(12.0).reshape(3, 4, 1) + 1
    packed = packing.pack(padded)
    assert packed.shape == (1, 8, 1)
    assert packed.flatten().tolist() == [1, 2, 3, 5, 9, 10, 11, 12]
    assert torch.equal(packing.spread(packed), padded * MASK[..., None])


def test_every_sequence_counts_its_positions_from_zero() -> None:
    assert Packing.of(MASK).positions.tolist() == [[0, 1, 2, 0, 0, 1, 2, 3]]


def test_a_full_batch_needs_no_mask() -> None:
    packing = Packing.of(torch.ones(2, 3))
    assert packing.visible is None
    x = torch.randn(2, 3, 5)
    assert torch.equal(packing.spread(packing.pack(x)), x)


def test_packed_states_equal_padded_ones(model: DistilBertModel) -> None:
    ids = torch.randint(5, 99, MASK.shape) * MASK
    padded = model(ids, MASK).last_hidden_state * MASK[..., None]
    torch.testing.assert_close(model.encode_packed(ids, MASK), padded, rtol=1e-5, atol=1e-5)


def test_a_neighbour_in_the_pack_changes_nothing(model: DistilBertModel) -> None:
    ids = torch.randint(5, 99, MASK.shape) * MASK
    other = ids.clone()
    other[0] = torch.tensor([7, 8, 9, 0])
    before, after = (model.encode_packed(given, MASK)[1:] for given in (ids, other))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-6)


def test_too_long_a_sequence_is_named(model: DistilBertModel) -> None:
    ids = torch.ones(1, 17, dtype=torch.long)
    with pytest.raises(TokenIdError):
        model.encode_packed(ids, torch.ones_like(ids))
