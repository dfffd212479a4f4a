"""The losses of the five heads in float64 NumPy, each with the gradient of its logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from oracle.layers import Array, softmax

if TYPE_CHECKING:
    from oracle.model import Facts

IGNORED = -100


def of_head(
    facts: Facts, logits: Array, labels: Mapping[str, Array] | None
) -> tuple[dict[str, Any], Array | None]:
    """The head's named outputs, with `loss` first if there are labels; gradient of the logits."""
    if facts.head == "question_answering":
        named = {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}
        if labels is None:
            return named, None
        sides = [
            _span_side(named[f"{side}_logits"], labels[f"{side}_positions"])
            for side in ("start", "end")
        ]
        loss = sum(value for value, _ in sides) / 2
        return {"loss": loss, **named}, np.stack([grad for _, grad in sides], -1) / 2
    if labels is None:
        return {"logits": logits}, None
    loss, grad = _named_loss(facts, logits, np.asarray(labels["labels"]))
    return {"loss": loss, "logits": logits}, grad


def _named_loss(facts: Facts, logits: Array, labels: Array) -> tuple[float, Array]:
    if facts.head != "sequence_classification":
        return cross_entropy(logits, labels)
    kind = facts.problem_type
    if kind is None:
        whole = np.issubdtype(labels.dtype, np.integer)
        kind = "single_label_classification" if whole else "multi_label_classification"
        kind = "regression" if logits.shape[-1] == 1 else kind
    if kind == "regression":
        difference = logits - labels.reshape(logits.shape)
        return float((difference**2).mean()), 2 * difference / difference.size
    if kind == "single_label_classification":
        return cross_entropy(logits, labels.reshape(-1))
    loss = np.logaddexp(0, logits) - labels * logits
    return float(loss.mean()), (1 / (1 + np.exp(-logits)) - labels) / logits.size


def cross_entropy(logits: Array, labels: Array, ignored: int = IGNORED) -> tuple[float, Array]:
    """Mean negative log likelihood over the labels that are not `ignored`."""
    flat, wanted = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    rows = np.flatnonzero(wanted != ignored)
    probabilities = softmax(flat[rows])
    chosen = (np.arange(len(rows)), wanted[rows])
    grad = np.zeros_like(flat)
    one_hot = np.zeros_like(probabilities)
    one_hot[chosen] = 1
    grad[rows] = (probabilities - one_hot) / len(rows)
    return float(-np.log(probabilities[chosen]).mean()), grad.reshape(logits.shape)


def _span_side(logits: Array, positions: Array) -> tuple[float, Array]:
    """Positions are clamped to [0, S]; S itself means "outside" and is ignored."""
    length = logits.shape[-1]
    return cross_entropy(logits, np.clip(positions.reshape(-1), 0, length), ignored=length)
