"""Linear layers in oneDNN's layout answer as those of PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from distilbert.torch import prepacked
from distilbert.torch.prepacked import PlainLinear, PrepackedLinear, can_prepack, linear_type

DTYPES = [torch.float32, torch.bfloat16]
needs_operators = pytest.mark.skipif(
    not can_prepack(torch.float32), reason="this PyTorch has no oneDNN operators"
)


def layers(dtype: torch.dtype) -> tuple[nn.Linear, ...]:
    torch.manual_seed(0)
    return nn.Linear(40, 24, dtype=dtype), nn.Linear(40, 8, bias=False, dtype=dtype)


def drawn(rows: int, columns: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(rows, columns, generator=generator).to(dtype)


@needs_operators
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("rows", [1, 16, 65, 700])
def test_products_are_those_of_the_layers(dtype: torch.dtype, rows: int) -> None:
    parts = layers(dtype)
    packed = PrepackedLinear(*parts)
    x, residual = drawn(rows, 40, dtype), drawn(rows, 32, dtype)
    with torch.no_grad():
        expected = torch.cat([part(x) for part in parts], -1)
        torch.testing.assert_close(packed(x), expected)
        torch.testing.assert_close(
            packed.added(x, residual),
            expected + residual,
            atol=1e-5 if dtype == torch.float32 else 4e-2,
            rtol=0,
        )
        for activation in (F.gelu, F.relu, F.silu):
            found = packed.activated(x, activation)
            torch.testing.assert_close(
                found, activation(expected), atol=1e-5 if dtype == torch.float32 else 4e-2, rtol=0
            )


@needs_operators
def test_what_it_computed_before_is_not_overwritten() -> None:
    packed, x = PrepackedLinear(*layers(torch.float32)), drawn(5, 40, torch.float32)
    residual = drawn(5, 32, torch.float32)
    kept = residual.clone()
    packed.added(x, residual)
    assert torch.equal(residual, kept)


def test_without_the_operators_the_public_ones_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "_operators", lambda: object())
    monkeypatch.setattr(prepacked, "can_prepack", can_prepack.__wrapped__)
    assert linear_type(torch.float32) is PlainLinear


def test_operators_that_answer_wrongly_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PrepackedLinear, "__call__", lambda self, x: x[:, :48] * 0)
    assert not can_prepack.__wrapped__(torch.float32)


def test_the_callers_random_numbers_stay_as_they_are() -> None:
    before = torch.get_rng_state()
    can_prepack.__wrapped__(torch.float32)
    assert torch.equal(torch.get_rng_state(), before)


def test_other_dtypes_are_left_to_the_public_operators() -> None:
    assert linear_type(torch.float64) is PlainLinear
    plain = PlainLinear(*layers(torch.float64))
    x, residual = drawn(3, 40, torch.float64), drawn(3, 32, torch.float64)
    torch.testing.assert_close(plain.added(x, residual), plain(x) + residual)
    torch.testing.assert_close(plain.activated(x, F.gelu), F.gelu(plain(x)))
