"""Texts of any length as windows of token ids that a model can take.

A text is tokenized once, whole; its tokens are then dealt out to windows. So a token has one number
in its text, whatever window shows it, and answers of several windows can be compared and merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from distilbert.errors import InputError
from distilbert.tokenization.encoding import LocatedTokens

# Special tokens of the two templates, `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`.
N_SPECIAL_SINGLE = 2
N_SPECIAL_PAIR = 3


class Tokenizer(Protocol):
    """What tasks ask of a tokenizer; both classes of `distilbert.tokenization` offer it."""

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

    def token_ids(
        self, texts: Sequence[Any], *, is_split_into_words: bool = False
    ) -> list[np.ndarray]: ...
    def located_tokens(
        self, texts: Sequence[Any], *, is_split_into_words: bool = False
    ) -> list[LocatedTokens]: ...

    def convert_tokens_to_ids(self, tokens: str) -> Any: ...
    def convert_ids_to_tokens(self, ids: list[int]) -> Any: ...
    def decode(self, token_ids: list[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of one text, without special ones around it.

    `ids` (T,); `offsets` (T, 2), first character and the one after the last, in the original text;
    `words` (T,), the number of the word each token is a piece of. The last two are empty unless
    asked for.
    """

    ids: np.ndarray
    offsets: np.ndarray
    words: np.ndarray


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a text as the model sees it.

    `ids` (S,) with special tokens; tokens `start` to `stop` of the text stand at `at` and after;
    `weight` counts what no earlier window of this text showed.
    """

    ids: np.ndarray
    start: int
    stop: int
    at: int
    weight: int


NOTHING = np.zeros(0, dtype=np.int64)


def tokenize(
    tokenizer: Tokenizer,
    texts: Sequence[str] | Sequence[Sequence[str]],
    *,
    located: bool = False,
    is_split_into_words: bool = False,
) -> list[Tokens]:
    """Tokenize whole texts in one batch; `located` also gives offsets and word numbers.

    Offsets of a text that came split into words refer to its words joined with single spaces.
    """
    if not located:
        rows = tokenizer.token_ids(texts, is_split_into_words=is_split_into_words)
        return [Tokens(ids, NOTHING, NOTHING) for ids in rows]
    tokenized = []
    pieces = tokenizer.located_tokens(texts, is_split_into_words=is_split_into_words)
    for text, (ids, offsets, words) in zip(texts, pieces, strict=True):
        if is_split_into_words and len(words):
            lengths = np.array([len(word) for word in text], dtype=np.int64)
            starts = np.cumsum(lengths + 1) - (lengths + 1)
            offsets = offsets + starts[words][:, None]
        tokenized.append(Tokens(ids, offsets, words))
    return tokenized


def word_starts(words: np.ndarray) -> np.ndarray:
    """Where in `words` (T,) a new word begins: increasing indices (W,)."""
    if not len(words):
        return NOTHING
    changes = (words[1:] != words[:-1]) | (words[1:] < 0)  # a token of no word stands alone
    return np.concatenate(([0], np.flatnonzero(changes) + 1))


def cut(length: int, room: int, overlap: int) -> list[tuple[int, int]]:
    """Cover `length` tokens with stretches of at most `room` that share `overlap` tokens.

    An overlap of more than half the room would mostly repeat work, so it is held to that.
    """
    if length <= room:
        return [(0, length)]
    overlap = min(overlap, room // 2)
    return [(i, min(i + room, length)) for i in range(0, length - overlap, room - overlap)]


def fresh(spans: Sequence[tuple[int, int]]) -> list[int]:
    """How many tokens of each span no earlier span holds; 1 for the one span of an empty text."""
    ends = [0, *(stop for _, stop in spans)]
    return [max(1, stop - before) for before, stop in pairwise(ends)]


def single_windows(
    tokenizer: Tokenizer, ids: np.ndarray, *, max_length: int, overlap: int | None = None
) -> list[Window]:
    """The windows of one text; `overlap` None is a quarter of the room."""
    cls, sep = template_ids(tokenizer)
    room = max_length - N_SPECIAL_SINGLE
    spans = cut(len(ids), room, room // 4 if overlap is None else overlap)
    return [
        Window(np.concatenate((cls, ids[start:stop], sep)), start, stop, 1, weight)
        for (start, stop), weight in zip(spans, fresh(spans), strict=True)
    ]


def pair_windows(
    tokenizer: Tokenizer,
    first: np.ndarray,
    second: np.ndarray,
    *,
    max_length: int,
    overlap: int | None = None,
) -> list[Window]:
    """The windows of a pair: the longer text is cut, the shorter stays whole up to half the room.

    Where neither fits into half the room, every stretch of the first meets every stretch of the
    second. `start`, `stop` and `at` of the windows speak of the second text.
    """
    cls, sep = template_ids(tokenizer)
    room = max_length - N_SPECIAL_PAIR
    if len(first) + len(second) <= room:
        rooms = (len(first), len(second))
    elif len(first) < len(second):
        kept = min(len(first), room // 2)
        rooms = (kept, room - kept)
    else:
        kept = min(len(second), room // 2)
        rooms = (room - kept, kept)
    windows = []
    for (a, b), weight_first in _weighted(len(first), rooms[0], overlap):
        for (c, d), weight_second in _weighted(len(second), rooms[1], overlap):
            ids = np.concatenate((cls, first[a:b], sep, second[c:d], sep))
            windows.append(Window(ids, c, d, b - a + 2, weight_first * weight_second))
    return windows


def _weighted(length: int, room: int, overlap: int | None) -> Iterator[tuple[tuple[int, int], int]]:
    spans = cut(length, room, room // 4 if overlap is None else overlap)
    return zip(spans, fresh(spans), strict=True)


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


def owners(windows: Sequence[Window]) -> np.ndarray:
    """For each token of a text, the number of the window that shows it with most context (T,)."""
    length = windows[-1].stop
    most, owner = np.full(length, -1), np.zeros(length, dtype=np.int64)
    for number, window in enumerate(windows):
        positions = np.arange(window.start, window.stop)
        context = np.minimum(positions - window.start, window.stop - 1 - positions)
        better = context > most[window.start : window.stop]
        most[positions[better]] = context[better]
        owner[positions[better]] = number
    return owner


def merge_rows(windows: Sequence[Window], rows: Sequence[np.ndarray]) -> np.ndarray:
    """One row per token of the text (T, ...) from one array (S, ...) per window."""
    if len(windows) == 1:
        return rows[0][windows[0].at : windows[0].at + windows[0].stop]
    owner = owners(windows)
    merged = np.empty((len(owner), *rows[0].shape[1:]), dtype=rows[0].dtype)
    for number, (window, row) in enumerate(zip(windows, rows, strict=True)):
        mine = np.flatnonzero(owner == number)
        merged[mine] = row[mine - window.start + window.at]
    return merged
