"""Dropout for training on a CPU."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from distilbert.torch.dropout import Dropout, dropped


def fast(probability: float) -> Dropout:
    layer = Dropout(probability)
    layer.is_fast = True
    return layer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dropped_elements_get_no_gradient_and_the_others_are_scaled(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    x = torch.randn(40, 51, dtype=dtype, requires_grad=True)
    y = fast(0.25)(x)
    kept = y != 0
    assert 0.7 < float(kept.float().mean()) < 0.8
    assert y.dtype == dtype
    torch.testing.assert_close(y[kept], x.detach()[kept] / 0.75)
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, kept.to(dtype) / 0.75)


@pytest.mark.parametrize("probability", [0.0, 1.0])
def test_all_or_nothing_is_that_of_pytorch(probability: float) -> None:
    x = torch.randn(3, 4, 5)
    assert torch.equal(fast(probability)(x), nn.Dropout(probability)(x))


def test_nothing_is_dropped_outside_training() -> None:
    x = torch.randn(3, 4)
    assert fast(0.5).eval()(x) is x


def test_it_compiles_as_that_of_pytorch() -> None:
    compiled = torch.compile(fast(0.5), backend="eager", fullgraph=True)
    assert 0.3 < float((compiled(torch.ones(64, 64)) == 0).float().mean()) < 0.7


def test_outside_of_the_trainer_it_is_that_of_pytorch() -> None:
    x = torch.ones(8, 9)
    torch.manual_seed(3)
    expected = nn.Dropout(0.4)(x)
    torch.manual_seed(3)
    assert torch.equal(Dropout(0.4)(x), expected)
    weight = torch.ones(9)
    gradient = torch.func.grad(lambda w: Dropout(0.4)(x * w).sum())(weight)
    assert gradient.shape == weight.shape


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_asked(probability: float) -> None:
    torch.manual_seed(0)
    out, exact = dropped((1000, 1003), probability)
    assert abs(exact - probability) <= 2**-17
    n = out.numel()
    spread = math.sqrt(probability * (1 - probability) / n)
    assert abs(float(out.double().mean()) - probability) < 5 * spread
    by_column = out.double().mean(0)
    assert float((by_column - probability).abs().max()) < 6 * spread * math.sqrt(1003)


def test_the_seed_decides_what_is_dropped() -> None:
    torch.manual_seed(1)
    first = dropped((3, 7), 0.5)[0]
    second = dropped((3, 7), 0.5)[0]
    torch.manual_seed(1)
    assert torch.equal(dropped((3, 7), 0.5)[0], first)
    assert not torch.equal(first, second)


def test_some_are_kept_even_if_nearly_all_are_dropped() -> None:
    torch.manual_seed(1)
    out, probability = dropped((64, 1024, 8), 1 - 1e-9)
    assert 0 < int((~out).sum()) < 40
    assert probability == 1 - 1 / 65536
