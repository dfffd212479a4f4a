"""The divergence from few words of a distribution equals its formula, with its gradient."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from distilbert.errors import InputError
from distilbert.torch.sparse_targets import SparseTargets, sparse_divergence

R, V, K = 6, 50, 7


def logits(seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(R, V, generator=generator, dtype=torch.float64)


def top(count: int = K, *, tail: bool = True) -> SparseTargets:
    probabilities, ids = logits(1).softmax(-1).topk(count, dim=-1)
    if not tail:
        probabilities = probabilities / probabilities.sum(-1, keepdim=True)
    rest = (1 - probabilities.sum(-1)).clamp_min(0)
    entropy = torch.special.entr(probabilities).sum(-1) + torch.special.entr(rest)
    return SparseTargets(ids, probabilities, entropy, ids[:, 0])


def found(z: Tensor, targets: SparseTargets) -> tuple[Tensor, Tensor]:
    z = z.clone()
    return sparse_divergence(z, z.amax(-1, keepdim=True), targets)


def check_gradient(loss: Tensor, z: Tensor, gradient: Tensor) -> None:
    loss.sum().backward()
    torch.testing.assert_close(gradient, z.grad)


def test_drawn_words_count_alike_and_may_come_up_often() -> None:
    ids = torch.randint(0, V, (R, K), generator=torch.Generator().manual_seed(2))
    ids[:, 1] = ids[:, 0]
    targets = SparseTargets(ids, None, torch.arange(R), ids[:, 0])
    z = logits().requires_grad_()
    plain = -z.log_softmax(-1).gather(1, ids).mean(-1) - torch.arange(R)
    divergence, gradient = found(z.detach(), targets)
    torch.testing.assert_close(divergence, plain.detach())
    check_gradient(plain, z, gradient)


@pytest.mark.parametrize("tail", [True, False])
def test_the_mass_of_other_words_is_compared_as_that_of_one(*, tail: bool) -> None:
    targets = top(tail=tail)
    assert targets.probabilities is not None
    z = logits().requires_grad_()
    log_own = z.log_softmax(-1)
    kept = log_own.gather(1, targets.ids)
    rest = (1 - targets.probabilities.sum(-1)).clamp_min(0)
    plain = (targets.probabilities * (targets.probabilities.log() - kept)).sum(-1)
    if tail:
        plain = plain + rest * (rest.log() - (1 - kept.exp().sum(-1)).log())
    divergence, gradient = found(z.detach(), targets)
    torch.testing.assert_close(divergence, plain.detach())
    check_gradient(plain, z, gradient)
    assert (gradient.sum(-1).abs() < 1e-12).all()


def test_all_words_give_the_whole_divergence() -> None:
    z = logits().requires_grad_()
    plain = torch.nn.functional.kl_div(
        z.log_softmax(-1), logits(1).log_softmax(-1), log_target=True, reduction="none"
    ).sum(-1)
    divergence, gradient = found(z.detach(), top(V))
    torch.testing.assert_close(divergence, plain.detach())
    check_gradient(plain, z, gradient)


def test_a_student_with_nothing_left_for_other_words_gives_finite_numbers() -> None:
    z = torch.full((R, V), -1e4)
    targets = top()
    z.scatter_(1, targets.ids, 1.0)
    divergence, gradient = found(z, targets)
    assert divergence.isfinite().all()
    assert gradient.isfinite().all()


def test_rows_are_taken_from_all_fields() -> None:
    some = top().at(torch.tensor([2, 0]))
    torch.testing.assert_close(some.ids, top().ids[[2, 0]])
    assert some.probabilities is not None
    assert some.probabilities.shape == (2, K)
    assert some.entropy.shape == some.best.shape == (2,)


def test_fields_that_do_not_fit_are_refused() -> None:
    top().check(R)
    targets = top()
    assert targets.probabilities is not None
    for wrong in (
        replace(targets, ids=targets.ids[:, :3]),
        replace(targets, best=targets.best[:2]),
        replace(targets, entropy=targets.entropy[:, None]),
        replace(targets, ids=targets.ids[:, :0], probabilities=None),
    ):
        with pytest.raises(InputError, match="`targets` must have `ids`"):
            wrong.check(R)
    with pytest.raises(InputError, match="where N=3 is the number of labels"):
        targets.check(3)
