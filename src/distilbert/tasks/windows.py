"""Texts of any length as windows of token ids that a model can take.

A text is tokenized once and its tokens are then divided into windows. A token therefore has one
number in its text, whichever windows contain it, and outputs of several windows can be compared and
merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from distilbert.errors import InputError
from distilbert.tokenization.encoding import LocatedTokens
from distilbert.tokenization.truncation import window_spans

# Special tokens of the two templates, `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
N_SPECIAL_SINGLE = 2
N_SPECIAL_PAIR = 3

# Windows of one pair of texts of which neither fits into half a window: their number grows with the
# product of the lengths. With 512 positions, two texts of 3,000 tokens each have as many.
MAX_PAIR_WINDOWS = 256

Combination = Literal["mean", "max", "first"]


class Tokenizer(Protocol):
    """What tasks need of a tokenizer; both classes of `distilbert.tokenization` implement it."""

    @property
    def cls_token_id(self) -> int | None: ...
    @property
    def sep_token_id(self) -> int | None: ...
    @property
    def mask_token_id(self) -> int | None: ...
    @property
    def unk_token_id(self) -> int | None: ...
    @property
    def all_special_ids(self) -> list[int]: ...
    def __len__(self) -> int: ...

    def token_ids(self, texts: Sequence[Any]) -> list[np.ndarray]: ...
    def located_tokens(
        self, texts: Sequence[Any], *, is_split_into_words: bool = False
    ) -> list[LocatedTokens]: ...

    def convert_tokens_to_ids(self, tokens: str) -> Any: ...
    def convert_ids_to_tokens(self, ids: list[int]) -> Any: ...
    def decode(self, token_ids: list[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a text as the model sees it.

    `ids` (S,) contains special tokens; tokens `start` to `stop` of the text begin at position `at`;
    `weight` is the number of tokens that no earlier window of the text contains.
    """

    ids: np.ndarray
    start: int
    stop: int
    at: int
    weight: int

    @property
    def shift(self) -> int:
        """The position of a token in the window, minus its number in the text."""
        return self.at - self.start

    @property
    def inside(self) -> slice:
        """The positions of the text's tokens."""
        return slice(self.at, self.stop + self.shift)


def locate_words(tokenizer: Tokenizer, sentences: Sequence[Sequence[str]]) -> list[LocatedTokens]:
    """The tokens of texts that are split into words.

    Offsets refer to the words joined with single spaces.
    """
    located = []
    tokenized = tokenizer.located_tokens(sentences, is_split_into_words=True)
    for sentence, (ids, offsets, words) in zip(sentences, tokenized, strict=True):
        lengths = np.array([len(word) + 1 for word in sentence], dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        located.append(LocatedTokens(ids, offsets + starts[words][:, None], words))
    return located


def word_starts(words: np.ndarray) -> np.ndarray:
    """The indices in `words` (T,) at which a new word begins, increasing (W,)."""
    if not len(words):
        return np.zeros(0, dtype=np.int64)
    changes = (words[1:] != words[:-1]) | (words[1:] < 0)  # a token of no word is a word by itself
    return np.concatenate(([0], np.flatnonzero(changes) + 1))


def weighted_spans(
    length: int, capacity: int, overlap: int | None = None
) -> list[tuple[int, int, int]]:
    """Cover `length` tokens with spans of at most `capacity` tokens that share `overlap` tokens.

    An overlap of more than half the capacity would mostly repeat work, so it is limited to that;
    None is a quarter.

    Returns:
        The start and stop of each span, and how many of its tokens no earlier span contains (1 for
        the only span of an empty text).
    """
    overlap = capacity // 4 if overlap is None else min(overlap, capacity // 2)
    weighted, before = [], 0
    for start, stop in window_spans(length, capacity, overlap):
        weighted.append((start, stop, max(1, stop - before)))
        before = stop
    return weighted


def single_windows(
    tokenizer: Tokenizer, ids: np.ndarray, *, max_length: int, overlap: int | None = None
) -> list[Window]:
    """The windows of one text; `overlap` None is a quarter of what fits into a window."""
    cls, sep = template_ids(tokenizer)
    return [
        Window(np.concatenate((cls, ids[start:stop], sep)), start, stop, 1, weight)
        for start, stop, weight in weighted_spans(len(ids), max_length - N_SPECIAL_SINGLE, overlap)
    ]


def pair_windows(
    tokenizer: Tokenizer,
    first: np.ndarray,
    second: np.ndarray,
    *,
    max_length: int,
    overlap: int | None = None,
) -> list[Window]:
    """The windows of a pair: the longer text is divided, the shorter one is kept up to half of what
    fits into a window.

    Where neither fits into half, every part of the first is combined with every part of the second.
    `start`, `stop` and `at` of the windows refer to the second text.

    Raises:
        InputError: both texts are so long that there would be more than MAX_PAIR_WINDOWS.
    """
    cls, sep = template_ids(tokenizer)
    capacity = max_length - N_SPECIAL_PAIR
    if len(first) + len(second) <= capacity:
        capacities = (len(first), len(second))
    elif len(first) < len(second):
        kept = min(len(first), capacity // 2)
        capacities = (kept, capacity - kept)
    else:
        kept = min(len(second), capacity // 2)
        capacities = (capacity - kept, kept)
    spans = weighted_spans(len(first), capacities[0], overlap)
    of_second = weighted_spans(len(second), capacities[1], overlap)
    if min(len(spans), len(of_second)) > 1 and len(spans) * len(of_second) > MAX_PAIR_WINDOWS:
        raise InputError(
            f"Two long texts may have at most {MAX_PAIR_WINDOWS} windows of {max_length} tokens: "
            f"got {len(spans) * len(of_second)}, for texts of {len(first)} and {len(second)} "
            f"tokens. Cut one of them into parts, and pass each as a pair with the other."
        )
    return [
        Window(np.concatenate((cls, first[a:b], sep, second[c:d], sep)), c, d, b - a + 2, n_a * n_c)
        for a, b, n_a in spans
        for c, d, n_c in of_second
    ]


def template_ids(tokenizer: Tokenizer) -> tuple[np.ndarray, np.ndarray]:
    """`[CLS]` and `[SEP]` as arrays of one id.

    Raises:
        InputError: the tokenizer has no such token.
    """
    cls, sep = tokenizer.cls_token_id, tokenizer.sep_token_id
    if cls is None or sep is None:
        raise InputError(
            "A tokenizer needs `cls_token` and `sep_token` to feed a model: "
            f"got cls_token_id={cls}, sep_token_id={sep}."
        )
    return np.array([cls], dtype=np.int64), np.array([sep], dtype=np.int64)


def best_windows(windows: Sequence[Window]) -> np.ndarray:
    """For each token of a text, the number of the window with most context around it (T,)."""
    length = windows[-1].stop
    most, best = np.full(length, -1), np.zeros(length, dtype=np.int64)
    for number, window in enumerate(windows):
        positions = np.arange(window.start, window.stop)
        context = np.minimum(positions - window.start, window.stop - 1 - positions)
        better = positions[context > most[positions]]
        most[better] = context[better - window.start]
        best[better] = number
    return best


def merge_rows(windows: Sequence[Window], rows: Sequence[np.ndarray]) -> np.ndarray:
    """One row per token of the text (T, ...) from one array (S, ...) per window."""
    if len(windows) == 1:
        return rows[0][windows[0].inside]
    best = best_windows(windows)
    merged = np.empty((len(best), *rows[0].shape[1:]), dtype=rows[0].dtype)
    for number, (window, row) in enumerate(zip(windows, rows, strict=True)):
        tokens = np.flatnonzero(best == number)
        merged[tokens] = row[tokens + window.shift]
    return merged


def combine(rows: np.ndarray, weights: Sequence[int], rule: Combination) -> np.ndarray:
    """Combine rows (W, N) of W windows into one row (N,).

    `mean` weights each window by the tokens that no earlier window contains, so that a short last
    window counts little; `max` takes the highest value per column (any window may raise a label);
    `first` is the first window alone.
    """
    if len(rows) == 1 or rule == "first":
        return rows[0]
    if rule == "max":
        return rows.max(axis=0)
    return np.average(rows.astype(np.float64), axis=0, weights=weights)
