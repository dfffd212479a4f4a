"""Layers in int8 answer as rounding by public operators does, and stay near the float layers."""

from __future__ import annotations

import logging
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from distilbert import DistilBertConfig, DistilBertModel
from distilbert.torch import int8
from distilbert.torch.int8 import Int8Linear, RoundedLinear

KINDS = [
    pytest.param(
        Int8Linear,
        marks=pytest.mark.skipif(
            not int8.can_multiply_integers(), reason="PyTorch has no int8 products here"
        ),
    ),
    RoundedLinear,
]


def layer(n_inputs: int, n_outputs: int, *, bias: bool = True) -> nn.Linear:
    torch.manual_seed(n_outputs)
    return nn.Linear(n_inputs, n_outputs, bias=bias).requires_grad_(False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("n_rows", [1, 33])
def test_products_are_near_those_of_the_float_layers(kind: Any, dtype: torch.dtype, n_rows: int):
    layers = [layer(64, 48), layer(64, 16, bias=False)]
    x = torch.linspace(-2, 3, n_rows * 64).view(n_rows, 64)
    residual = torch.ones(n_rows, 64)
    expected = torch.cat([one(x) for one in layers], dim=1)
    quantized = kind(layers, (-2.0, 3.0), dtype)
    got = quantized(x.to(dtype))
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), expected, atol=0.05, rtol=0)
    for activation in (F.gelu, F.relu, F.silu):
        found = quantized.activated(x.to(dtype), activation)
        torch.testing.assert_close(found.float(), activation(expected), atol=0.05, rtol=0)
    added = quantized.added(x.to(dtype), residual.to(dtype))
    assert added.dtype == dtype
    torch.testing.assert_close(added.float(), expected + 1, atol=0.06, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", [F.gelu, F.relu, F.silu])
def test_two_layers_with_an_activation_between(kind: Any, activation: Any) -> None:
    first, second = layer(32, 80), layer(80, 32)
    x = torch.linspace(-3, 3, 5 * 32).view(5, 32)
    hidden = activation(first(x))
    ends = float(hidden.min()), float(hidden.max())
    lin1 = kind([first], (-3.0, 3.0), torch.float32)
    lin2 = kind([second], ends, torch.float32)
    found = lin2.added(lin1.activated(x, activation, lin2), x)
    torch.testing.assert_close(found, second(hidden) + x, atol=0.05, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_values_outside_of_the_range_become_its_ends(kind: Any) -> None:
    one = layer(16, 16)
    quantized = kind([one], (-1.0, 2.0), torch.float32)
    x = torch.linspace(-9, 9, 48).view(3, 16)
    torch.testing.assert_close(quantized(x), one(x.clamp(-1, 2)), atol=0.05, rtol=0)


@pytest.mark.parametrize(
    ("inputs", "step", "zero"),
    [
        ((-1.0, 1.0), 2 / 255, 128),
        ((0.0, 5.1), 5.1 / 255, 0),
        ((0.5, 5.1), 5.1 / 255, 0),  # zero is always among the values
        ((-3.0, -1.0), 3 / 255, 255),
        ((0.0, 0.0), 1.0, 0),
    ],
)
def test_steps_of_a_range(inputs: tuple[float, float], step: float, zero: int) -> None:
    found = int8.input_steps(inputs)
    assert math.isclose(found[0], step)
    assert found[1] == zero


def test_a_row_of_zeros_keeps_its_zeros() -> None:
    values, steps = int8.rounded_rows(torch.tensor([[0.0, 0.0], [-2.0, 1.0]]))
    assert values.tolist() == [[0, 0], [-127, 64]]
    assert steps.tolist() == pytest.approx([1.0, 2 / 127])


def test_both_ways_to_round_are_the_same() -> None:
    x = torch.tensor([[-9.0, -0.04, 0.06, 0.14, 0.27, 1.0, 99.0, 0.0]])
    expected = int8.round_input(x, 0.1, 7)
    assert expected.tolist() == [[0, 7, 8, 8, 10, 17, 255, 7]]
    torch.testing.assert_close(int8._rounding()(x, 0.1, 7), expected)


def test_operators_that_answer_wrongly_are_not_used(monkeypatch, caplog) -> None:
    class Wrong(Int8Linear):
        def __call__(self, x):
            return super().__call__(x) * 1.01

    monkeypatch.setattr(int8, "Int8Linear", Wrong)
    int8.can_multiply_integers.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert int8.int8_type() is RoundedLinear
    int8.can_multiply_integers.cache_clear()
    assert "int8 is computed in float32, which is slow" in caplog.text


def test_operators_that_are_missing_are_not_used(monkeypatch, caplog) -> None:
    monkeypatch.setattr(int8, "_operators", lambda: torch.ops.there_is_no_such_library)
    int8.can_multiply_integers.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert int8.int8_type() is RoundedLinear
    int8.can_multiply_integers.cache_clear()
    assert "int8 is computed in float32" in caplog.text


def test_layers_of_a_model_by_name() -> None:
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, hidden_dim=12, n_layers=2)
    found = int8.int8_layers(DistilBertModel(config))
    assert list(found)[:4] == [
        "transformer.layer.0.attention.qkv",
        "transformer.layer.0.attention.out_lin",
        "transformer.layer.0.ffn.lin1",
        "transformer.layer.0.ffn.lin2",
    ]
    assert [len(layers) for layers in found.values()] == [3, 1, 1, 1] * 2


def test_inputs_are_those_of_each_text() -> None:
    config = DistilBertConfig(vocab_size=9, dim=8, n_heads=2, hidden_dim=12, n_layers=2)
    model = DistilBertModel(config).eval()
    texts = [np.array([1, 2, 3]), np.array([4])]
    seen = list(map(dict, int8.inputs_of_layers(model, texts)))
    assert [one["transformer.layer.0.ffn.lin2"].shape for one in seen] == [(1, 3, 12), (1, 1, 12)]
    embedded = model.embeddings(torch.from_numpy(texts[0])[None]).detach()
    np.testing.assert_array_equal(seen[0]["transformer.layer.0.attention.qkv"], embedded)
    assert not any(module._forward_pre_hooks for module in model.modules())
