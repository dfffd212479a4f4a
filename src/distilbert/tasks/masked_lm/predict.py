"""What could stand at the masks of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.tasks.probability import softmax
from distilbert.tasks.windows import N_SPECIAL_SINGLE, Tokenizer, template_ids, tokenize


@dataclass(frozen=True, slots=True)
class Example:
    """A text with at least one mask."""

    text: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """The token ids of a text (T,), without special tokens around it, and where masks are (K,)."""

    ids: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True, slots=True)
class Answer:
    """Token ids for one mask (several where a target has several pieces), and their probability."""

    ids: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True)
class View:
    """A window with special tokens, (S,), and how far text positions are shifted in it."""

    ids: np.ndarray
    shift: int


def encode(tokenizer: Tokenizer, examples: Sequence[Example]) -> list[Encoded]:
    """Tokenize the texts and find their masks."""
    tokens = tokenize(tokenizer, [example.text for example in examples])
    return [Encoded(own.ids, np.flatnonzero(own.ids == tokenizer.mask_token_id)) for own in tokens]


def view(
    tokenizer: Tokenizer, ids: np.ndarray, *, first: int, last: int, max_length: int
) -> View | None:
    """The window of a text that shows tokens `first` to `last` in its middle.

    A text that fits is shown whole; None where even these tokens do not fit.
    """
    room = max_length - N_SPECIAL_SINGLE
    if last - first >= room:
        return None
    start = max(0, min((first + last + 1 - room) // 2, len(ids) - room))
    cls, sep = template_ids(tokenizer)
    return View(np.concatenate((cls, ids[start : start + room], sep)), 1 - start)


def decode(logits: np.ndarray, *, top_k: int, targets: Sequence[int] | None = None) -> list[Answer]:
    """The `top_k` likeliest tokens, best first, from one mask's logits (V,).

    With `targets` only these ids compete, with their probabilities among the whole vocabulary.
    """
    scores = softmax(logits)
    pool = np.arange(len(scores)) if targets is None else np.array(targets, dtype=np.int64)
    among = scores[pool]
    k = min(top_k, len(pool))
    best = np.argpartition(-among, k - 1)[:k]
    best = best[np.argsort(-among[best], kind="stable")]
    return [Answer((int(pool[i]),), float(among[i])) for i in best]
