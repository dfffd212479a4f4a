"""AdamW by row is AdamW of the whole table, to the last bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from distilbert.torch.adamw import RowAdamW

V, D = 50, 32
OPTIONS: dict[str, Any] = {"betas": (0.9, 0.98), "eps": 1e-6}


def model() -> nn.ModuleDict:
    torch.manual_seed(0)
    parts = nn.ModuleDict({"words": nn.Embedding(V, D), "dense": nn.Linear(D, 3)})
    for parameter in parts.parameters():
        parameter.grad = torch.zeros_like(parameter)
    return parts


def by_row(parts: nn.ModuleDict, decay: float) -> RowAdamW:
    parts["words"].sparse = True  # pyright: ignore[reportArgumentType]
    groups = [{"params": list(parts.parameters()), "lr": 1e-2, "weight_decay": decay}]
    table: Any = parts["words"].weight
    return RowAdamW(groups, tables=[table], **OPTIONS)


def backward(parts: nn.ModuleDict, number: int) -> None:
    generator = torch.Generator().manual_seed(number)
    for _ in range(2):  # gradients of two batches add up
        ids = torch.randint(0, V // 2 if number < 3 else V - 5, (4, 3), generator=generator)
        parts["dense"](parts["words"](ids)).square().sum().backward()


def state(optimizer: torch.optim.AdamW, parts: nn.ModuleDict) -> list[Tensor]:
    found = []
    for parameter in parts.parameters():
        found += [parameter.detach(), *optimizer.state[parameter].values()]
    return found


@pytest.mark.parametrize("limit", [0.0, 1.0])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_it_computes_what_the_whole_table_would(decay: float, limit: float) -> None:
    one, other = model(), model()
    rows = by_row(one, decay)
    whole = torch.optim.AdamW(other.parameters(), 1e-2, weight_decay=decay, fused=True, **OPTIONS)
    for number in range(6):
        backward(one, number)
        backward(other, number)
        norm = rows.clip(limit)
        gradients: Any = [parameter.grad for parameter in other.parameters()]
        expected = float(nn.utils.get_total_norm(gradients))
        assert norm == pytest.approx(expected, rel=1e-6)
        if limit and norm > limit:
            for gradient in gradients:
                gradient.mul_(limit / norm)
        rows.step()
        whole.step()
        rows.zero_grad(set_to_none=False)
        whole.zero_grad(set_to_none=False)
        assert all(not parameter.grad.any() for parameter in one.parameters())  # pyright: ignore[reportOptionalMemberAccess]
        for found, wanted in zip(state(rows, one), state(whole, other), strict=True):
            assert torch.equal(found, wanted)


def test_a_dense_gradient_that_was_asked_for_moves_every_row() -> None:
    one, other = model(), model()
    rows = by_row(one, 0.0)
    whole = torch.optim.AdamW(other.parameters(), 1e-2, weight_decay=0.0, fused=True, **OPTIONS)
    words: Any = one["words"].weight
    for number in range(4):  # by row, then dense, then by row with moments in every row
        backward(one, number)
        backward(other, number)
        if number == 1:
            gradient = rows.dense_gradient(words)
            assert gradient is words.grad
            for added in (gradient, other["words"].weight.grad):
                added += 0.5  # pyright: ignore[reportOperatorIssue]
        rows.clip(0.0)
        for optimizer, parts in ((rows, one), (whole, other)):
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
            assert all(not parameter.grad.any() for parameter in parts.parameters())  # pyright: ignore[reportOptionalMemberAccess]
        for found, wanted in zip(state(rows, one), state(whole, other), strict=True):
            assert torch.equal(found, wanted)


def test_rows_with_moments_are_found_in_restored_ones() -> None:
    one, other = model(), model()
    rows, again = by_row(one, 0.1), by_row(other, 0.1)
    for number in range(5):
        for parts, optimizer in ((one, rows), (other, again)):
            backward(parts, number)
            optimizer.clip(0.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
        if number == 2:
            table: Any = other["words"].weight
            for name in ("exp_avg", "exp_avg_sq"):
                again.state[table][name] = again.state[table][name].clone()
    for found, wanted in zip(state(again, other), state(rows, one), strict=True):
        assert torch.equal(found, wanted)


def test_a_gradient_of_the_whole_table_is_used_as_such() -> None:
    one, other = model(), model()
    rows = by_row(one, 0.1)
    whole = torch.optim.AdamW(other.parameters(), 1e-2, weight_decay=0.1, fused=True, **OPTIONS)
    for number in range(4):
        for parts, optimizer in ((one, rows), (other, whole)):
            backward(parts, number)
            if number == 1:
                parts["words"].weight.square().sum().backward()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
            if isinstance(optimizer, RowAdamW):
                optimizer.clip(0.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=False)
    for found, wanted in zip(state(rows, one), state(whole, other), strict=True):
        assert torch.equal(found, wanted)


def test_gradients_that_are_not_used_are_forgotten() -> None:
    parts = model()
    optimizer = by_row(parts, 0.0)
    before = [parameter.detach().clone() for parameter in parts.parameters()]
    backward(parts, 0)
    optimizer.clip(0.0)
    optimizer.zero_grad(set_to_none=False)
    optimizer.clip(0.0)
    optimizer.step()
    for parameter, old in zip(parts.parameters(), before, strict=True):
        assert torch.equal(parameter, old)
