"""The fused loss of masked-LM distillation: equal to its formula, in little memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from distilbert.errors import InputError, TrainingError
from distilbert.torch import vocabulary_blocks
from distilbert.torch.sparse_targets import SparseTargets
from distilbert.torch.vocabulary_loss import Scales, VocabularyLoss, vocabulary_loss

N, V, H, TEACHER_H = 150, 600, 24, 40  # N: neither a multiple of a block nor of the few rows
ALL = Scales(kl=0.05, ce=0.07, mse=0.001)
EXACT_LOSS, EXACT_GRADIENT = 1e-6, 1e-5  # relative, in float32
Inputs = dict[str, Any]  # tensors by the name of the argument


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 64 rows in float32, of which 7 are in the cache."""
    monkeypatch.setattr(vocabulary_blocks, "BLOCK_BYTES_CPU", (2 * 64 * V * 4, 7 * V * 4))


def inputs(n: int = N, dtype: torch.dtype = torch.float32) -> Inputs:
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)

    labels = torch.randint(0, V, (n,), generator=generator)
    return {
        "states": drawn(n, H),
        "weight": drawn(V, H) / 3,
        "bias": drawn(V),
        "labels": labels.masked_fill(torch.rand(n, generator=generator) > 0.3, -100),
        "teacher_states": drawn(n, TEACHER_H),
        "teacher_weight": drawn(V, TEACHER_H) / 3,
        "teacher_bias": drawn(V),
    }


def formula(
    *,
    states: Tensor,
    weight: Tensor,
    bias: Tensor,
    labels: Tensor,
    teacher_states: Tensor,
    teacher_weight: Tensor,
    teacher_bias: Tensor,
    scales: Scales,
    teacher_rows: Tensor | None = None,
) -> VocabularyLoss:
    """The same with all logits at once."""
    logits = F.linear(states, weight, bias)
    logits = logits if logits.dtype == torch.float64 else logits.float()
    with torch.no_grad():
        targets = F.linear(teacher_states, teacher_weight, teacher_bias).to(logits.dtype)
    taught = slice(None) if teacher_rows is None else teacher_rows
    own, theirs, t = logits[taught], targets[taught], scales.temperature
    kl = F.kl_div((own / t).log_softmax(-1), (theirs / t).softmax(-1), reduction="sum") * t**2
    ce = F.cross_entropy(logits, labels, reduction="sum")
    mse = (own - theirs).square().sum()
    correct = (logits.argmax(-1) == labels).sum()
    agree = (own.argmax(-1) == theirs.argmax(-1)).sum()
    total = scales.kl * kl + scales.ce * ce + scales.mse * mse
    return VocabularyLoss(total, kl, ce, mse, correct, agree)


def gradients(loss: Any, given: Inputs, **options: Any) -> list[Tensor]:
    """The loss and its gradients to states, weight and bias."""
    leaves = {n: given[n].detach().clone().requires_grad_() for n in ("states", "weight", "bias")}
    found = loss(**given | leaves, **options)
    found.total.backward()
    return [found.total.detach(), *(leaf.grad for leaf in leaves.values() if leaf.grad is not None)]


def assert_near(found: list[Tensor], wanted: list[Tensor], factor: float = 1.0) -> None:
    assert len(found) == len(wanted) == 4
    for index, (mine, theirs) in enumerate(zip(found, wanted, strict=True)):
        tolerance = factor * (EXACT_GRADIENT if index else EXACT_LOSS)
        difference = (mine.double() - theirs.double()).norm()
        assert difference <= tolerance * theirs.double().norm(), index


@pytest.mark.parametrize("rows", ["all", "some", "none"])
@pytest.mark.parametrize("labels", ["some", "none"])
@pytest.mark.parametrize(
    "scales",
    [
        ALL,
        replace(ALL, mse=0.0),
        replace(ALL, kl=0.0),
        replace(ALL, kl=0.0, mse=0.0),
        replace(ALL, ce=0.0),
        replace(ALL, temperature=1.5),
    ],
    ids=["all", "kl-ce", "ce-mse", "ce", "kl-mse", "temperature"],
)
def test_loss_and_gradients_are_those_of_the_formula(
    scales: Scales, labels: str, rows: str
) -> None:
    given = inputs()
    if labels == "none":
        given["labels"].fill_(-100)
    generator = torch.Generator().manual_seed(1)
    chosen = torch.rand(N, generator=generator) < {"all": 2.0, "some": 0.5, "none": 0.0}[rows]
    options = {"scales": scales, "teacher_rows": None if rows == "all" else chosen}
    exactly = {name: x.double() if x.is_floating_point() else x for name, x in given.items()}
    assert_near(
        gradients(vocabulary_loss, given, **options), gradients(formula, exactly, **options)
    )


def test_the_parts_are_those_of_the_formula() -> None:
    given = inputs()
    given["teacher_states"][:40, :H] = given["states"][:40]
    given["teacher_states"][:40, H:] = 0
    given["teacher_weight"][:, :H] = given["weight"]
    given["teacher_bias"] = given["bias"]
    given["labels"][:30] = F.linear(*(given[n] for n in ("states", "weight", "bias")))[:30].argmax(
        -1
    )
    rows = torch.arange(N) % 3 > 0
    found = vocabulary_loss(**given, scales=ALL, teacher_rows=rows)
    wanted = formula(**given, scales=ALL, teacher_rows=rows)
    for name in ("total", "kl_sum", "ce_sum", "mse_sum"):
        assert getattr(found, name) == pytest.approx(float(getattr(wanted, name)), rel=1e-6)
    assert found.n_correct == wanted.n_correct
    assert int(wanted.n_correct or 0) >= 30
    assert found.n_agree == wanted.n_agree
    assert int(wanted.n_agree or 0) >= 26


def test_terms_without_a_factor_are_not_computed() -> None:
    given = inputs()
    hard = vocabulary_loss(**given, scales=Scales(ce=1.0))
    assert (hard.kl_sum, hard.mse_sum, hard.n_agree) == (None, None, None)
    soft = vocabulary_loss(**given, scales=Scales(kl=1.0))
    assert (soft.ce_sum, soft.mse_sum, soft.n_correct) == (None, None, None)
    with Allocations() as seen:
        vocabulary_loss(**given, scales=Scales(ce=1.0))
    assert seen.n_products == 1  # fewer than 64 of 150 rows have a label


def test_gradients_are_those_of_finite_differences() -> None:
    given = inputs(5, torch.float64)
    given = {n: x if n == "labels" else x[..., :4] for n, x in given.items()}
    words = ("weight", "bias", "teacher_weight", "teacher_bias")
    given = {n: x[:9] if n in words else x for n, x in given.items()}
    given["bias"], given["teacher_bias"] = torch.zeros(2, 9, dtype=torch.float64)
    given["labels"] = torch.tensor([3, -100, 8, -100, 0])
    rows = torch.tensor([True, True, False, False, True])
    leaves = [given.pop(n).requires_grad_() for n in ("states", "weight", "bias")]

    def total(states: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        own = {"states": states, "weight": weight, "bias": bias}
        return vocabulary_loss(**own, **given, scales=ALL, teacher_rows=rows).total

    assert torch.autograd.gradcheck(total, leaves)


def test_bfloat16_is_as_good_as_plain_autocast() -> None:
    given = inputs()
    with torch.autocast("cpu", torch.bfloat16):
        found = gradients(vocabulary_loss, given, scales=ALL)
        wanted = gradients(formula, given, scales=ALL)
    assert found[0] == pytest.approx(float(wanted[0]), rel=1e-3)
    for mine, theirs in zip(found[1:], wanted[1:], strict=True):
        assert mine.dtype == torch.float32
        assert F.cosine_similarity(mine.flatten(), theirs.flatten(), 0) >= 0.9999


def test_a_model_in_bfloat16_gets_gradients_in_bfloat16() -> None:
    found = gradients(vocabulary_loss, inputs(dtype=torch.bfloat16), scales=ALL)
    wanted = gradients(formula, inputs(), scales=ALL)
    assert [x.dtype for x in found] == [torch.float32, *3 * [torch.bfloat16]]
    for mine, theirs in zip(found[1:], wanted[1:], strict=True):
        assert F.cosine_similarity(mine.float().flatten(), theirs.flatten(), 0) >= 0.999


class Allocations(TorchDispatchMode):
    """The largest tensor that was made, in elements, and the number of matrix products."""

    def __init__(self) -> None:
        super().__init__()
        self.largest, self.n_products = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **kwargs or {})
        if isinstance(found, Tensor):
            self.largest = max(self.largest, found.numel())
        self.n_products += func.overloadpacket in (torch.ops.aten.mm, torch.ops.aten.addmm_)
        return found


@pytest.mark.parametrize("autocast", [False, True])
def test_memory_does_not_grow_with_the_logits(autocast: bool) -> None:
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast), Allocations() as seen:
        gradients(vocabulary_loss, inputs(2000), scales=ALL)
    in_a_block = (1 + autocast) * 2 * 64 * V  # student and teacher; half the bytes, twice the rows
    assert seen.largest == max(in_a_block, 2048 * TEACHER_H) < 2000 * V / 5


@pytest.mark.parametrize("frozen", [("weight", "bias"), ("states",), ("weight",), ("bias",)])
def test_frozen_inputs_cost_nothing(frozen: tuple[str, ...]) -> None:
    given = inputs(64)
    wanted = dict(
        zip(("states", "weight", "bias"), gradients(formula, given, scales=ALL)[1:], strict=True)
    )
    for name in set(wanted) - set(frozen):
        given[name].requires_grad_()
    with Allocations() as seen:
        vocabulary_loss(**given, scales=ALL).total.backward()
    assert seen.n_products == 2 + ("states" not in frozen) + ("weight" not in frozen)
    for name, gradient in wanted.items():
        if name in frozen:
            assert given[name].grad is None
        else:
            torch.testing.assert_close(given[name].grad, gradient, rtol=1e-4, atol=1e-6)


def test_evaluation_computes_no_gradients() -> None:
    given = inputs(64)
    wanted = vocabulary_loss(**given, scales=ALL)
    given["weight"].requires_grad_()
    with torch.no_grad(), Allocations() as seen:
        found = vocabulary_loss(**given, scales=ALL)
    assert seen.n_products == 2
    assert not found.total.requires_grad
    assert found.total == wanted.total


def test_only_the_total_has_a_gradient() -> None:
    given = inputs()
    given["states"].requires_grad_()
    given["teacher_weight"].requires_grad_()
    found = vocabulary_loss(**given, scales=ALL)
    assert found.total.requires_grad
    for part in (found.kl_sum, found.ce_sum, found.mse_sum, found.n_correct, found.n_agree):
        assert part is not None
        assert not part.requires_grad
    found.total.backward()
    assert given["teacher_weight"].grad is None


def test_two_scaled_parts_add_up_to_the_whole() -> None:
    given = inputs()
    whole = gradients(vocabulary_loss, given, scales=ALL)
    per_row = ("states", "labels", "teacher_states")
    leaves = {n: given[n].clone().requires_grad_() for n in ("states", "weight", "bias")}
    total = torch.zeros(())
    for part in (slice(0, 70), slice(70, N)):
        parts = {n: x[part] if n in per_row else x for n, x in (given | leaves).items()}
        loss = vocabulary_loss(**parts, scales=ALL).total
        (loss * 1024).backward()
        total += loss.detach()
    found = [total, *(x.grad / 1024 for x in leaves.values() if x.grad is not None)]
    assert_near(found, whole)


@pytest.mark.parametrize("is_sparse", [False, True])
def test_the_gradients_of_a_tied_embedding_add_up(is_sparse: bool) -> None:
    ids = torch.tensor([5, 7, 7, 599])
    given = {n: x[:4] if len(x) == N else x for n, x in inputs().items()}
    results = []
    for loss in (vocabulary_loss, formula):
        words = nn.Embedding(V, H, sparse=is_sparse and loss is vocabulary_loss)
        words.weight = nn.Parameter(given["weight"].clone())
        words.weight.grad = torch.ones(V, H)  # left from an earlier part of the batch
        tied = {"states": words(ids).tanh(), "weight": words.weight}
        loss(**given | tied, scales=ALL).total.backward()
        assert words.weight.grad is not None
        assert not words.weight.grad.is_sparse
        results.append(words.weight.grad)
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("autocast", [False, True])
def test_the_gradient_of_the_weight_can_be_added_at_once(autocast: bool) -> None:
    given = inputs()
    kept = torch.full((V, H), 2.0)
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        _, of_states, of_weight, of_bias = gradients(vocabulary_loss, given, scales=ALL)
        _, *others = gradients(vocabulary_loss, given, scales=ALL, add_to=kept)
    torch.testing.assert_close(kept, 2.0 + of_weight, rtol=1e-5, atol=1e-5)
    assert all(map(torch.equal, others, (of_states, of_bias)))


def test_a_second_backward_pass_gives_the_same() -> None:
    given = inputs()
    given["weight"].requires_grad_()
    loss = vocabulary_loss(**given, scales=ALL).total
    (first,) = torch.autograd.grad(loss, given["weight"], retain_graph=True)
    first_values = first.clone()
    first.zero_()
    (second,) = torch.autograd.grad(loss, given["weight"])
    assert torch.equal(second, first_values)


def test_second_derivatives_are_refused() -> None:
    given = inputs()
    given["states"].requires_grad_()
    loss = vocabulary_loss(**given, scales=ALL).total
    with pytest.raises(TrainingError, match=r"no second derivative: got .*create_graph=True"):
        torch.autograd.grad(loss, given["states"], create_graph=True)


def test_the_same_inputs_give_the_same_bits() -> None:
    first, second = (gradients(vocabulary_loss, inputs(), scales=ALL) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("n", [0, 3])
def test_nothing_to_compute_is_zero(n: int) -> None:
    given = inputs(n)
    given["labels"].fill_(-100)
    rows = torch.zeros(n, dtype=torch.bool)
    found = gradients(vocabulary_loss, given, scales=ALL, teacher_rows=rows)
    assert [float(x.abs().sum()) for x in found] == [0.0, 0.0, 0.0, 0.0]
    assert [x.shape for x in found] == [(), (n, H), (V, H), (V,)]


def test_a_value_that_is_not_finite_is_not_hidden() -> None:
    given = inputs()
    given["states"][3, 3] = torch.nan
    assert all(bool(x.isnan().any()) for x in gradients(vocabulary_loss, given, scales=ALL))


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "temperature": ({"scales": Scales(1.0, temperature=0.0)}, "must be above 0: got 0.0"),
    "teacher": ({"teacher_bias": None}, "need .* got 2 of the three"),
    "label": ({"labels": torch.full((N,), V)}, "between 0 and 599"),
    "label dtype": ({"labels": torch.zeros(N, dtype=torch.int32)}, "int64.* got torch.int32"),
    "label shape": (
        {"labels": torch.zeros((N, 1), dtype=torch.int64)},
        r"got torch.int64 \(150, 1",
    ),
    "rows": ({"states": torch.zeros(N - 1, H)}, "N=150 is the number of labels.* got .149, 24."),
    "width": ({"weight": torch.zeros(V, H + 1)}, "must be .N, H., .V, H.* got .*600, 25"),
    "vocabulary": ({"teacher_weight": torch.zeros(V + 1, TEACHER_H)}, "`teacher_weight`.*V=600"),
    "chosen": ({"teacher_rows": torch.ones(N)}, r"`teacher_rows` must be bool \(150,\): got"),
}


@pytest.mark.parametrize("change", BAD)
def test_wrong_inputs_are_refused(change: str) -> None:
    changes, message = BAD[change]
    with pytest.raises(InputError, match=message):
        vocabulary_loss(**{**inputs(), "scales": ALL, **changes})


def all_words(given: Inputs, temperature: float) -> SparseTargets:
    """The teacher's distributions, of which nothing is left out."""
    logits = given["teacher_states"] @ given["teacher_weight"].T + given["teacher_bias"]
    probabilities, ids = (logits / temperature).softmax(-1).topk(V, dim=-1)
    return SparseTargets(ids, probabilities, torch.special.entr(probabilities).sum(-1), ids[:, 0])


def taken_over(given: Inputs) -> Inputs:
    return {name: x for name, x in given.items() if not name.startswith("teacher")}


@pytest.mark.parametrize("share", [1.0, 0.4])
def test_targets_of_all_words_give_what_the_teacher_gives(share: float) -> None:
    given, scales = inputs(), Scales(kl=0.05, ce=0.07, temperature=3.0)
    rows = None
    if share < 1:
        rows = torch.rand(N, generator=torch.Generator().manual_seed(1)) < share
    targets = all_words(given, 3.0)
    live = vocabulary_loss(**given, scales=scales, teacher_rows=rows)
    kept = vocabulary_loss(**taken_over(given), scales=scales, teacher_rows=rows, targets=targets)
    for name in ("total", "kl_sum", "ce_sum", "n_correct", "n_agree"):
        torch.testing.assert_close(getattr(kept, name), getattr(live, name), rtol=1e-5, atol=1e-5)
    assert kept.mse_sum is None
    options: dict[str, Any] = {"scales": scales, "teacher_rows": rows}
    wanted = gradients(vocabulary_loss, given, **options)
    found = gradients(vocabulary_loss, taken_over(given), **options, targets=targets)
    assert_near(found, wanted)


def test_targets_do_not_suffice_for_all_logits_and_must_fit() -> None:
    given = inputs()
    targets = all_words(given, 2.0)
    with pytest.raises(InputError, match="`mse` needs all logits of the teacher"):
        vocabulary_loss(**taken_over(given), scales=ALL, targets=targets)
    with pytest.raises(InputError, match="`targets` must have `ids`"):
        vocabulary_loss(**taken_over(given), scales=Scales(kl=1), targets=targets.at(slice(3)))
    # Without a factor they are not needed.
    found = vocabulary_loss(**taken_over(given), scales=Scales(ce=1.0), targets=targets)
    assert found.kl_sum is None
