"""The loss of masked-LM distillation over the vocabulary, without the logits of all tokens.

The gradients of states, weight and bias are computed in the forward pass, block by block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from distilbert.errors import InputError, TrainingError
from distilbert.heads import IGNORED_LABEL
from distilbert.input_checks import check_classes
from distilbert.torch.sparse_targets import SparseTargets
from distilbert.torch.vocabulary_blocks import Projection, Rows, Run, Scales, Task


@dataclass(frozen=True, slots=True, eq=False)
class VocabularyLoss:
    """The total loss, a scalar with a gradient, and its parts, scalars without.

    A part is None if the factor of its term is 0 (`n_agree`: if both factors of the teacher are).
    """

    total: Tensor
    kl_sum: Tensor | None
    ce_sum: Tensor | None
    mse_sum: Tensor | None
    n_correct: Tensor | None
    n_agree: Tensor | None


def vocabulary_loss(
    states: Tensor,
    weight: Tensor,
    bias: Tensor,
    labels: Tensor,
    *,
    scales: Scales,
    teacher_states: Tensor | None = None,
    teacher_weight: Tensor | None = None,
    teacher_bias: Tensor | None = None,
    teacher_rows: Tensor | None = None,
    targets: SparseTargets | None = None,
    add_to: Tensor | None = None,
) -> VocabularyLoss:
    """Divergence from the teacher, cross entropy and squared distance of logits, in one pass.

    `total` is kl * `kl_sum` + ce * `ce_sum` + mse * `mse_sum`. `kl_sum` is the divergence
    KL(teacher || student) of the probabilities at the temperature T, times T²; `mse_sum` the
    squared difference of logits summed over the vocabulary; both over the teacher's rows. `ce_sum`
    is the cross entropy over the labelled rows. `n_correct` counts labelled rows whose largest
    logit is that of the label, `n_agree` the teacher's rows with the same largest logit in both.
    Rows that no term needs are not computed.

    Products are in the dtype of autocast if it is enabled, otherwise in that of `weight`; the rest
    is in float32, or float64 if the products are. Gradients that no input requires cost nothing.
    They can be scaled and added up, not differentiated again. Memory grows with N * H, not N * V.

    Args:
        states: (N, H), what is projected onto the vocabulary, e.g. the result of
            `DistilBertForMaskedLM.transform_states`.
        weight, bias: (V, H) and (V,), the student's projection.
        labels: int64 (N,), -100 where there is none.
        scales: factors of the terms.
        teacher_states, teacher_weight, teacher_bias: the same of the teacher, (N, Ht), (V, Ht) and
            (V,), which get no gradient. A weight that is already in the dtype of the products is
            not converted at every call.
        teacher_rows: bool (N,), the rows compared with the teacher; None for all.
        targets: the teacher's distributions at the temperature, in the place of its projection.
        add_to: float32 (V, H), e.g. `weight.grad`, to which the gradient of `weight` is added now
            and not in the backward pass, which must then start from `total` with 1.

    Raises:
        InputError: a wrong shape, dtype, label (on a CPU) or temperature, or no teacher.
    """
    _check(states, weight, bias, labels, scales)
    _check_taught(teacher_rows, targets, scales, len(states))
    teacher = targets if scales.kl else None
    if teacher is None and (scales.kl or scales.mse):
        given = (teacher_states, teacher_weight, teacher_bias)
        teacher = _projection(*given, shape=(len(states), len(weight)))
    student = (states, weight, bias)
    rows = Rows.needed(labels, scales, None if teacher is None else teacher_rows)
    wanted = tuple(torch.is_grad_enabled() and x.requires_grad for x in student)
    task = Task(rows, scales, teacher, _dtype_of_products(weight), wanted, add_to)
    with torch.autocast(states.device.type, enabled=False):  # the task has the dtype
        found: Any = _Loss.apply(*student, task)
    total, *sums = found
    needs = (scales.kl, scales.ce, scales.mse, scales.ce, teacher is not None)
    parts = (x if need else None for x, need in zip(sums, needs, strict=True))
    return VocabularyLoss(total, *parts)


class _Loss(torch.autograd.Function):
    """The total and the five sums; keeps the gradients of the total until the backward pass."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, task: Task) -> Any:
        run = Run((states, weight, bias), task)
        run.compute()
        of_weight = None if task.add_to is not None else run.d_weight
        ctx.save_for_backward(run.d_states, of_weight, run.d_bias)
        ctx.dtypes = (states.dtype, weight.dtype, bias.dtype)
        total, *sums = run.results()
        ctx.mark_non_differentiable(*sums)
        return total, *sums

    @staticmethod
    def backward(ctx: Any, *upstream: Any) -> Any:
        if torch.is_grad_enabled():
            raise TrainingError(
                "The vocabulary loss has no second derivative: got a backward pass with "
                "`create_graph=True`. Leave it False, or compute the loss from all logits."
            )
        kept = zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        return *(None if x is None else (x * upstream[0]).to(dtype) for x, dtype in kept), None


def _dtype_of_products(weight: Tensor) -> torch.dtype:
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


def _check(states: Tensor, weight: Tensor, bias: Tensor, labels: Tensor, scales: Scales) -> None:
    """Raise InputError for scales, shapes or labels that do not fit."""
    if not scales.temperature > 0:
        raise InputError(f"`temperature` must be above 0: got {scales.temperature}.")
    if labels.dtype != torch.int64 or labels.dim() != 1:
        raise InputError(
            f"`labels` must be int64 (N,): got {labels.dtype} {tuple(labels.shape)}. Flatten and "
            f"convert them."
        )
    _check_projection("", states, weight, bias, (len(labels), len(weight)))
    given = labels[labels != IGNORED_LABEL] if labels.device.type == "cpu" else labels[:0]
    if len(given):  # elsewhere the kernels check
        check_classes(int(given.min()), int(given.max()), len(weight))


def _check_projection(
    prefix: str, states: Tensor, weight: Tensor, bias: Tensor, shape: tuple[int, int]
) -> None:
    """Raise InputError unless the projection has one width and gives logits of `shape`."""
    got = tuple(tuple(x.shape) for x in (states, weight, bias))
    n_rows, n_words = shape
    width = got[1][-1:]
    if got != ((n_rows, *width), (n_words, *width), (n_words,)):
        raise InputError(
            f"`{prefix}states`, `{prefix}weight` and `{prefix}bias` must be (N, H), (V, H) and "
            f"(V,), where N={n_rows} is the number of labels and V={n_words} that of the "
            f"student's words: got {', '.join(map(str, got))}."
        )


def _check_taught(
    chosen: Tensor | None, targets: SparseTargets | None, scales: Scales, n_rows: int
) -> None:
    """Raise InputError unless there is a bool for each row, and targets that suffice."""
    if chosen is not None and (chosen.dtype != torch.bool or chosen.shape != (n_rows,)):
        raise InputError(
            f"`teacher_rows` must be bool ({n_rows},): got {chosen.dtype} {tuple(chosen.shape)}. "
            f"Pass None for all rows."
        )
    if targets is not None:
        targets.check(n_rows)
    if targets is not None and scales.mse:
        raise InputError(
            f"`mse` needs all logits of the teacher: got {scales.mse:g} and `targets`, which hold "
            f"a part of its distributions. Set it to 0, or pass the teacher's projection."
        )


def _projection(*given: Tensor | None, shape: tuple[int, int]) -> Projection:
    """The teacher's projection to logits of `shape`; InputError if it is not complete."""
    states, weight, bias = given
    if states is None or weight is None or bias is None:
        raise InputError(
            "Scales `kl` and `mse` need `teacher_states`, `teacher_weight` and `teacher_bias`: got "
            f"{sum(x is not None for x in given)} of the three. Pass them, or set both scales to 0."
        )
    _check_projection("teacher_", states, weight, bias, shape)
    return states.detach(), weight.detach(), bias.detach()
