"""Packed tokens see what they see in a padded batch, and nothing of their neighbours."""

from __future__ import annotations

import pytest
import torch

from distilbert import DistilBertConfig
from distilbert.errors import TokenIdError
from distilbert.torch.model import DistilBertModel
from distilbert.torch.packing import Packing, pad_length, padded_indices

MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]])


@pytest.fixture(scope="module")
def model() -> DistilBertModel:
    torch.manual_seed(0)
    config = DistilBertConfig(
        vocab_size=99, dim=32, n_heads=4, n_layers=2, hidden_dim=64, max_position_embeddings=16
    )
    return DistilBertModel(config).eval()


def unpacked(model: DistilBertModel, ids: torch.Tensor) -> torch.Tensor:
    output, packing = model.encode_packed(ids, MASK)
    return packing.unpack(output.last_hidden_state)


def test_pack_and_unpack_are_each_others_inverse() -> None:
    packing = Packing.from_mask(MASK)
    padded = torch.arange(12.0).reshape(3, 4, 1) + 1
    packed = packing.pack(padded)
    assert packed.shape == (1, 16, 1)
    assert packed.flatten()[: packing.n_tokens].tolist() == [9, 10, 11, 12, 1, 2, 3, 5]
    assert torch.equal(packing.unpack(packed), padded * MASK[..., None])
    assert packing.in_batch_order(packed).flatten().tolist() == [1, 2, 3, 5, 9, 10, 11, 12]


def test_sequences_of_similar_length_are_attended_to_together() -> None:
    lengths = torch.tensor([3, 100, 16, 97, *[40] * 9, 0])
    mask = (torch.arange(112) < lengths[:, None]).long()
    packing = Packing.from_mask(mask)
    found = [(group.n_rows, group.length) for group in packing.groups]
    # A row without tokens is packed with its padding; the two short ones are not worth a call.
    assert found == [(3, 112), (11, 48)]
    tokens = torch.arange(mask.numel()).view(*mask.shape, 1) + 1.0
    packed = packing.pack(tokens)
    parts = []
    for group in packing.groups:
        padded = group.unpack(packed)
        assert padded.shape == (group.n_rows, group.length, 1)
        parts.append(group.pack(padded))
        assert group.visible is not None
        assert group.visible.shape == (group.n_rows, 1, 1, group.length)
    assert torch.equal(torch.cat(parts), packed[0, : packing.n_tokens])
    firsts = packing.first_tokens(packed)
    assert firsts.shape == (1, 16, 1)
    assert torch.equal(packing.unpack_first(firsts), tokens[:, :1])
    rows = [group.first_tokens(firsts) for group in packing.groups]
    assert torch.equal(torch.cat(rows), tokens[packing.order, :1])


def test_sequences_of_one_length_are_neither_moved_nor_masked() -> None:
    (group,) = Packing.from_mask(torch.ones(4, 16)).groups
    assert (group.slots, group.visible) == (None, None)


def test_every_sequence_counts_its_positions_from_zero() -> None:
    packing = Packing.from_mask(MASK)
    assert packing.positions[0, : packing.n_tokens].tolist() == [0, 1, 2, 3, 0, 1, 2, 0]


@pytest.mark.parametrize(("n_tokens", "packed"), [(1, 16), (16, 16), (40, 48), (65, 128)])
def test_few_sizes_occur(n_tokens: int, packed: int) -> None:
    mask = torch.zeros(1, 70, dtype=torch.long)
    mask.flatten()[:n_tokens] = 1
    packing = Packing.from_mask(mask)
    assert packing.pack(mask).shape == (1, packed)
    indices, n = padded_indices(mask != 0)
    assert n == n_tokens
    assert indices.tolist() == [*range(n_tokens), *[0] * (packed - n_tokens)]


@pytest.mark.parametrize(("longest", "length"), [(512, 80), (72, 72), (50, 70)])
def test_columns_are_added_up_to_the_longest(longest: int, length: int) -> None:
    batch = torch.ones(2, 70, dtype=torch.long)
    padded = pad_length(batch, longest)
    assert padded.shape == (2, length)
    assert torch.equal(padded[:, :70], batch)
    assert not padded[:, 70:].any()


def test_a_full_batch_needs_no_mask() -> None:
    packing = Packing.from_mask(torch.ones(2, 3))
    assert packing.visible is None
    x = torch.randn(2, 3, 5)
    assert torch.equal(packing.unpack(packing.pack(x)), x)


def test_packed_states_equal_padded_ones(model: DistilBertModel) -> None:
    ids = torch.randint(5, 99, MASK.shape) * MASK
    padded = model(ids, MASK).last_hidden_state * MASK[..., None]
    torch.testing.assert_close(unpacked(model, ids), padded, rtol=1e-5, atol=1e-5)


def test_every_layers_packed_states_equal_padded_ones(model: DistilBertModel) -> None:
    ids = torch.randint(5, 99, MASK.shape) * MASK
    padded = model(ids, MASK, output_hidden_states=True).hidden_states
    output, packing = model.encode_packed(ids, MASK, output_hidden_states=True)
    assert len(output.hidden_states) == len(padded) == 3
    for states, expected in zip(output.hidden_states, padded, strict=True):
        assert states.shape == (1, 16, 32)
        expected = expected * MASK[..., None]
        torch.testing.assert_close(packing.unpack(states), expected, rtol=1e-5, atol=1e-5)


def test_a_neighbour_in_the_pack_changes_nothing(model: DistilBertModel) -> None:
    ids = torch.randint(5, 99, MASK.shape) * MASK
    other = ids.clone()
    other[0] = torch.tensor([7, 8, 9, 0])
    before, after = (unpacked(model, given)[1:] for given in (ids, other))
    torch.testing.assert_close(before, after, rtol=0, atol=1e-6)


def test_too_long_a_sequence_is_named(model: DistilBertModel) -> None:
    ids = torch.ones(1, 17, dtype=torch.long)
    with pytest.raises(TokenIdError):
        model.encode_packed(ids, torch.ones_like(ids))
