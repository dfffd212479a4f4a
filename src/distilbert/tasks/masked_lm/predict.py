"""Which tokens are likely at the masks of a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.errors import InputError
from distilbert.tasks.probability import softmax
from distilbert.tasks.windows import N_SPECIAL_SINGLE, Tokenizer, template_ids


@dataclass(frozen=True, slots=True)
class Encoded:
    """The token ids of a text (T,), without special tokens around it, and where masks are (K,)."""

    ids: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True, slots=True)
class Answer:
    """Token ids for one mask (several for a target of several pieces), and their probability."""

    ids: tuple[int, ...]
    score: float


@dataclass(frozen=True, slots=True)
class View:
    """A window with special tokens (S,), and its positions minus those in the text."""

    ids: np.ndarray
    shift: int


def encode(tokenizer: Tokenizer, texts: Sequence[str]) -> list[Encoded]:
    """Tokenize the texts and find their masks."""
    return [
        Encoded(ids, np.flatnonzero(ids == tokenizer.mask_token_id))
        for ids in tokenizer.token_ids(texts)
    ]


def view(tokenizer: Tokenizer, ids: np.ndarray, *, first: int, last: int, max_length: int) -> View:
    """The window of a text with tokens `first` to `last` in its middle.

    Raises:
        InputError: these tokens do not fit into a window.
    """
    capacity = max_length - N_SPECIAL_SINGLE
    if last - first >= capacity:
        raise InputError(
            f"Masks that are filled together must lie within one window of {max_length} tokens: "
            f"got masks {last - first + 1} tokens apart. Use `joint=False`."
        )
    start = max(0, min((first + last + 1 - capacity) // 2, len(ids) - capacity))
    cls, sep = template_ids(tokenizer)
    return View(np.concatenate((cls, ids[start : start + capacity], sep)), 1 - start)


def decode(logits: np.ndarray, *, top_k: int, targets: Sequence[int] | None = None) -> list[Answer]:
    """The `top_k` most likely tokens, best first, from the logits (V,) of one mask.

    With `targets` only these ids compete, with their probabilities among the full vocabulary.
    """
    scores = softmax(logits)
    pool = np.arange(len(scores)) if targets is None else np.array(targets, dtype=np.int64)
    among = scores[pool]
    k = min(top_k, len(pool))
    best = np.argpartition(-among, k - 1)[:k]
    best = best[np.argsort(-among[best], kind="stable")]
    return [Answer((int(pool[i]),), float(among[i])) for i in best]
