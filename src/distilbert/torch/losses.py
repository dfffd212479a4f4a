"""The losses of the five heads: logits and labels in, one scalar out.

Labels of any integer type are accepted. Nothing here writes to the config.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from distilbert.heads import IGNORED_LABEL
from distilbert.input_checks import (
    check_class_labels,
    check_classes,
    check_token_labels,
    check_value_labels,
    infer_problem_type,
)


def token_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy over all tokens whose label is not -100; nan when every label is -100.

    Args:
        logits: (B, S, N), or (B, S, V) for masked language modelling.
        labels: integers (B, S).

    Raises:
        InputError: as `sequence_loss`.
    """
    check_token_labels(logits.shape, labels.shape, labels.dtype)
    return _cross_entropy(logits.flatten(0, -2), labels)


def choice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy over the choices.

    Args:
        logits: (B, C).
        labels: integers (B,).
    """
    check_class_labels(logits.shape, labels.shape, labels.dtype)
    return _cross_entropy(logits, labels)


def sequence_loss(logits: Tensor, labels: Tensor, *, problem_type: str | None) -> Tensor:
    """The loss of sequence classification.

    Args:
        logits: (B, N).
        labels: (B,) or (B, 1) class numbers; (B, N) floats for several labels at once; (B,), (B, 1)
            or (B, N) values for regression.
        problem_type: one of `distilbert.config.PROBLEM_TYPES`. None infers it from this call: one
            label is regression, integers are classes, anything else is several labels at once.

    Raises:
        InputError: the shapes of logits and labels do not match, or (on a CPU, where the kernel
            checks it) a label is not one of the classes.
    """
    are_classes = not (labels.dtype == torch.bool or labels.is_floating_point())
    kind = infer_problem_type(problem_type, n_labels=logits.shape[-1], are_classes=are_classes)
    if kind == "single_label_classification":
        check_class_labels(logits.shape, labels.shape, labels.dtype)
        return _cross_entropy(logits, labels)
    if kind == "regression" and logits.shape[-1] == 1 and labels.numel() == len(logits):
        labels = labels.reshape(logits.shape)
    check_value_labels(logits.shape, labels.shape, labels.dtype)
    loss = F.mse_loss if kind == "regression" else F.binary_cross_entropy_with_logits
    return loss(logits, labels.to(logits.dtype))


def span_loss(start_logits: Tensor, end_logits: Tensor, starts: Tensor, ends: Tensor) -> Tensor:
    """The mean of the losses of start and end positions.

    A negative position counts as 0; one outside the sequence takes no part. A side on which no
    position takes part contributes 0 (the reference: nan).

    Args:
        start_logits, end_logits: (B, S).
        starts, ends: integers (B,) or (B, 1).
    """
    return (_position_loss(start_logits, starts) + _position_loss(end_logits, ends)) / 2


def _position_loss(logits: Tensor, positions: Tensor) -> Tensor:
    length = logits.shape[1]
    positions = positions.reshape(-1).long().clamp(0, length)  # (B,)
    total = F.cross_entropy(logits, positions, ignore_index=length, reduction="sum")
    return total / (positions != length).sum().clamp(min=1)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits (T, N), and labels of any shape with T numbers."""
    labels = labels.reshape(-1).long()
    try:
        return F.cross_entropy(logits, labels)
    except IndexError:  # the kernel for CPUs checks every label
        given = labels[labels != IGNORED_LABEL]
        check_classes(int(given.min()), int(given.max()), logits.shape[-1])
        raise
