"""One label, or several, for a text or a pair of texts of any length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from distilbert.tasks.combination import Combination, combine
from distilbert.tasks.probability import sigmoid, softmax
from distilbert.tasks.windows import Tokenizer, Window, pair_windows, single_windows, tokenize

Activation = Literal["softmax", "sigmoid", "none"]


@dataclass(frozen=True, slots=True)
class Example:
    """A text, or a pair such as premise and hypothesis."""

    text: str
    text_pair: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A label and how strongly it holds: a probability, or the raw logit with `none`."""

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
    tokens = iter(tokenize(tokenizer, texts + pairs))
    firsts = [next(tokens).ids for _ in texts]
    limits = {"max_length": max_length, "overlap": overlap}
    return [
        single_windows(tokenizer, first, **limits)
        if example.text_pair is None
        else pair_windows(tokenizer, first, next(tokens).ids, **limits)
        for example, first in zip(examples, firsts, strict=True)
    ]


def default_activation(problem_type: str | None, n_labels: int) -> Activation:
    """What turns logits into scores: what the config says, else what the number of labels suggests.

    One label without a declared problem gets a sigmoid, as in the reference.
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
) -> list[Answer]:
    """The `top_k` best labels (all with None), best first, from logits (W, N) of W windows.

    Windows are combined as logits, before the activation.
    """
    row = combine(logits, [window.weight for window in windows], combination)
    if activation == "none":
        scores = row
    else:
        scores = softmax(row) if activation == "softmax" else sigmoid(row)
    order = np.argsort(-scores, kind="stable")[:top_k]
    return [Answer(labels[int(i)], float(scores[i])) for i in order]
