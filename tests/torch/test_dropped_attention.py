"""Attention with dropout: by its definition under the same drops, gradients included."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from distilbert.torch.dropout import dropped
from distilbert.torch.dropped_attention import dropped_attention

SHORT_AND_LONG = [5, 70]


def inputs(length: int, dtype: torch.dtype) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    shape = (3, length, 2, 8)
    drawn = [torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(4)]
    return [x.to(dtype).transpose(1, 2) for x in drawn]


def mask(length: int) -> Tensor:
    visible = torch.ones(3, 1, 1, length, dtype=torch.bool)
    visible[1, ..., 3:] = False
    return visible


def expected(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor | None, out: Tensor, kept: float
) -> Tensor:
    scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
    if visible is not None:
        scores = scores.masked_fill(~visible, -math.inf)
    return scores.softmax(-1).masked_fill(out, 0.0) / kept @ value


@pytest.mark.parametrize("length", SHORT_AND_LONG)
@pytest.mark.parametrize("is_masked", [True, False])
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5), (torch.bfloat16, 0.06)]
)
def test_values_and_gradients_are_those_of_the_formula(
    length: int, is_masked: bool, dtype: torch.dtype, tolerance: float
) -> None:
    visible = mask(length) if is_masked else None
    query, key, value, weight = inputs(length, dtype)
    given = (query, key, value)
    torch.manual_seed(7)
    out, probability = dropped((6, length, length), 0.3)
    own = [x.detach().double().requires_grad_() for x in given]
    out = out.view(3, 2, length, length)
    wanted = expected(own[0], own[1], own[2], visible, out, 1 - probability)
    (wanted * weight.double()).sum().backward()
    leaves = [x.clone().requires_grad_() for x in given]
    torch.manual_seed(7)
    found = dropped_attention(leaves[0], leaves[1], leaves[2], visible, 0.3)
    assert found.dtype == dtype
    (found * weight).sum().backward()
    torch.testing.assert_close(found.double(), wanted, rtol=tolerance, atol=tolerance)
    for leaf, wanted_leaf in zip(leaves, own, strict=True):
        assert leaf.grad is not None
        assert wanted_leaf.grad is not None
        torch.testing.assert_close(
            leaf.grad.double(), wanted_leaf.grad, rtol=tolerance, atol=tolerance
        )


def test_there_may_be_fewer_queries_than_keys() -> None:
    query, key, value, _ = inputs(70, torch.float64)
    q, k, v = leaves = [x.clone().requires_grad_() for x in (query[:, :, :1], key, value)]
    torch.manual_seed(7)
    out, probability = dropped((6, 1, 70), 0.3)
    wanted = expected(q, k, v, mask(70), out.view(3, 2, 1, 70), 1 - probability)
    gradients = torch.autograd.grad(wanted.square().sum(), leaves)
    torch.manual_seed(7)
    found = dropped_attention(q, k, v, mask(70), 0.3)
    torch.testing.assert_close(found, wanted)
    own = torch.autograd.grad(found.square().sum(), leaves)
    for one, other in zip(own, gradients, strict=True):
        torch.testing.assert_close(one, other)


def test_autocast_does_not_change_the_dtype_of_products() -> None:
    query, key, value, _ = inputs(5, torch.float32)
    torch.manual_seed(7)
    plain = dropped_attention(query, key, value, None, 0.3)
    torch.manual_seed(7)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(dropped_attention(query, key, value, None, 0.3), plain)
