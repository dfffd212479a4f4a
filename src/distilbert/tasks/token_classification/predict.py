"""Labels for the tokens of a text, and the entities that they form, with character offsets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from distilbert.tasks.probability import softmax
from distilbert.tasks.token_classification.raw_words import join_words
from distilbert.tasks.token_classification.tagging import group, read_tags
from distilbert.tasks.windows import (
    Tokenizer,
    Window,
    locate_words,
    merge_rows,
    single_windows,
    word_starts,
)
from distilbert.tokenization.encoding import LocatedTokens

Integer = int | np.integer
Strategy = Literal["none", "simple", "first", "average", "max"]


@dataclass(frozen=True, slots=True)
class Example:
    """A text, and its words if it is already split."""

    text: str
    words: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text, its tokens with their offsets, and its windows."""

    text: str
    tokens: LocatedTokens
    windows: list[Window]


@dataclass(frozen=True, slots=True)
class Answer:
    """A label over tokens `first` to `last` (inclusive, counted from 0 in the text).

    `start` and `end` are characters of the text; `score` is a probability.
    """

    label: str
    score: float
    first: int
    last: int
    start: int
    end: int


def encode(
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    *,
    max_length: int,
    overlap: int | None = None,
) -> list[Encoded]:
    """The tokens and windows of each example."""
    split = [example.words for example in examples if example.words is not None]
    raw = [example.text for example in examples if example.words is None]
    of_split = iter(locate_words(tokenizer, split) if split else [])
    of_raw = iter(map(join_words, raw, tokenizer.located_tokens(raw)) if raw else [])
    located = [next(of_raw if example.words is None else of_split) for example in examples]
    return [
        Encoded(
            example.text,
            tokens,
            single_windows(tokenizer, tokens.ids, max_length=max_length, overlap=overlap),
        )
        for example, tokens in zip(examples, located, strict=True)
    ]


def decode(
    encoded: Encoded,
    logits: Sequence[np.ndarray],
    *,
    labels: Mapping[int, str],
    strategy: Strategy,
    ignore_labels: Sequence[str] = ("O",),
) -> list[Answer]:
    """Token labels (`none`) or entities from one array of logits (S, N) per window.

    Each token is read in the window with most context around it. Except for `none`, all pieces of a
    word get the same label, so that no entity ends inside a word:

    - `first`: the label of the word's first piece, usually the only one that is trained;
    - `average`: the label with the highest mean probability over the pieces;
    - `max`: the label of the piece with the highest probability;
    - `simple`: the type of the first piece; each piece scores with its best label of that type.

    Neighbouring words of one entity are joined; the score of an entity is the mean of its words.
    """
    if not len(encoded.tokens.ids):
        return []
    scores = softmax(merge_rows(encoded.windows, logits))  # (T, N)
    names = [labels[i] for i in range(scores.shape[1])]
    if strategy == "none":
        return _token_answers(encoded.tokens, scores, names, ignore_labels)
    starts = word_starts(encoded.tokens.words)
    tags = read_tags(names)
    best, of_words = _label_words(scores, starts, strategy)
    word_tags = [tags[i] for i in best]
    stops = [*starts[1:], len(scores)]
    answers = []
    for a, b in group(word_tags):
        kind, first, stop = word_tags[a].type, starts[a], stops[b - 1]
        if kind in ignore_labels:
            continue
        score = of_words[a:b].mean()
        if strategy == "simple":
            of_kind = [i for i, tag in enumerate(tags) if tag.type == kind]
            score = scores[first:stop, of_kind].max(axis=1).mean()
        answers.append(_answer(encoded.tokens, kind, score, first, stop))
    return answers


def _token_answers(
    tokens: LocatedTokens, scores: np.ndarray, names: Sequence[str], ignore_labels: Sequence[str]
) -> list[Answer]:
    best = scores.argmax(axis=1)
    ignored = np.array([name in ignore_labels for name in names])
    return [
        _answer(tokens, names[int(best[i])], scores[i, best[i]], i, i + 1)
        for i in np.flatnonzero(~ignored[best]).tolist()
    ]


def _label_words(
    scores: np.ndarray, starts: np.ndarray, strategy: Strategy
) -> tuple[np.ndarray, np.ndarray]:
    """The label number and its probability for each word, (W,) and (W,)."""
    if strategy in ("first", "simple"):
        words = scores[starts]
    elif strategy == "average":
        counts = np.diff([*starts, len(scores)])
        words = np.add.reduceat(scores, starts, axis=0) / counts[:, None]
    else:
        highest = scores.max(axis=1)
        stops = [*starts[1:], len(scores)]
        words = scores[[a + highest[a:b].argmax() for a, b in zip(starts, stops, strict=True)]]
    best = words.argmax(axis=1)
    return best, words[np.arange(len(words)), best]


def _answer(
    tokens: LocatedTokens, label: str, score: float, first: Integer, stop: Integer
) -> Answer:
    start, end = tokens.offsets[first, 0], tokens.offsets[stop - 1, 1]
    return Answer(label, float(score), int(first), int(stop) - 1, int(start), int(end))
