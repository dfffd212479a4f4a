"""One label, or several, for a text or a pair of texts of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from distilbert.tasks.probability import sigmoid, softmax
from distilbert.tasks.windows import (
    Combination,
    Tokenizer,
    Window,
    combine,
    pair_windows,
    single_windows,
)

Activation = Literal["softmax", "sigmoid", "none"]

# The lowest probability at which one of several labels is assigned, unless another one is chosen.
THRESHOLD = 0.5


@dataclass(frozen=True, slots=True)
class Example:
    """A text, or a pair such as premise and hypothesis."""

    text: str
    text_pair: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A label and its score: a probability, or the logit with `none`."""

    label: str
    score: float


def encode(
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    *,
    max_length: int,
    overlap: int | None = None,
) -> list[list[Window]]:
    """The windows of each example; short examples have one."""
    texts = [example.text for example in examples]
    pairs = [example.text_pair for example in examples if example.text_pair is not None]
    ids = iter(tokenizer.token_ids(texts + pairs))
    firsts = [next(ids) for _ in texts]
    limits = {"max_length": max_length, "overlap": overlap}
    return [
        single_windows(tokenizer, first, **limits)
        if example.text_pair is None
        else pair_windows(tokenizer, first, next(ids), **limits)
        for example, first in zip(examples, firsts, strict=True)
    ]


def default_activation(problem_type: str | None, n_labels: int) -> Activation:
    """What turns logits into scores, by the config's problem type, or else the number of labels.

    A single label without a problem type gets a sigmoid, as in the reference.
    """
    if problem_type == "regression":
        return "none"
    if problem_type == "multi_label_classification" or n_labels == 1:
        return "sigmoid"
    return "softmax"


def decode(
    windows: Sequence[Window],
    logits: np.ndarray,
    *,
    labels: Mapping[int, str],
    activation: Activation,
    combination: Combination = "mean",
    top_k: int | None = None,
    thresholds: float | Sequence[float] | None = None,
) -> list[Answer]:
    """The `top_k` best labels (all with None), best first, from logits (W, N) of W windows.

    Windows are combined as logits, before the activation. Of `thresholds`, one or one per label,
    each label must reach its own.
    """
    row = combine(logits, [window.weight for window in windows], combination)
    if activation == "none":
        scores = row
    else:
        scores = softmax(row) if activation == "softmax" else sigmoid(row)
    order = np.argsort(-scores, kind="stable")[:top_k]
    if thresholds is not None:
        order = order[(scores >= np.asarray(thresholds))[order]]
    return [Answer(labels[int(i)], float(scores[i])) for i in order]
