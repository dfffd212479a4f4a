"""The span of a context that answers a question, however long the context is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from distilbert.tasks.probability import softmax
from distilbert.tasks.windows import (
    N_SPECIAL_PAIR,
    Tokenizer,
    Window,
    template_ids,
    weighted_spans,
    word_starts,
)
from distilbert.tokenization.encoding import LocatedTokens

Normalization = Literal["window", "context"]

TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the text that may answer it."""

    question: str
    context: str


@dataclass(frozen=True, slots=True)
class Encoded:
    """An example, its context's tokens and the windows `[CLS] question [SEP] context [SEP]`."""

    example: Example
    context: LocatedTokens
    windows: list[Window]


@dataclass(frozen=True, slots=True)
class Answer:
    """Characters `start` to `end` of the context; `text` is empty if there is no answer."""

    text: str
    score: float
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """The probabilities of one window to start and to end at each of its context tokens (T,).

    `null` is the probability that both are at `[CLS]`, which means that there is no answer.
    """

    start: np.ndarray
    end: np.ndarray
    null: float


def encode(
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    *,
    max_length: int,
    max_question_len: int,
    doc_stride: int,
) -> list[Encoded]:
    """Divide each context into windows, each with the question before it.

    Lengths are in tokens. A question is cut at `max_question_len`, and in any case at half of what
    fits into a window, so that the other half is left for the context. `doc_stride` is the overlap
    of windows.
    """
    cls, sep = template_ids(tokenizer)
    capacity = max_length - N_SPECIAL_PAIR
    questions = tokenizer.token_ids([example.question for example in examples])
    texts = list(dict.fromkeys(example.context for example in examples))  # often repeated
    contexts = dict(zip(texts, tokenizer.located_tokens(texts), strict=True))
    encoded = []
    for example, question in zip(examples, questions, strict=True):
        context = contexts[example.context]
        start = np.concatenate((cls, question[: min(max_question_len, capacity // 2)], sep))
        windows = [
            Window(np.concatenate((start, context.ids[a:b], sep)), a, b, len(start), weight)
            for a, b, weight in weighted_spans(
                len(context.ids), max_length - len(start) - 1, doc_stride
            )
        ]
        encoded.append(Encoded(example, context, windows))
    return encoded


def context_logits(window: Window, logits: np.ndarray) -> np.ndarray:
    """The logits at `[CLS]` and at the context tokens of a window (1 + T,), from all (S,)."""
    return np.concatenate((logits[:1], logits[window.inside]))


def to_evidence(
    starts: Sequence[np.ndarray],
    ends: Sequence[np.ndarray],
    *,
    normalize_over: Normalization = "window",
) -> list[Evidence]:
    """Probabilities from the `context_logits` to start and to end in each window of an example.

    They are normalized within each window, as in the reference, or over the complete context, so
    that windows compete by their logits, as in the official scoring of SQuAD.
    """
    if normalize_over == "window":
        pairs = [(softmax(start), softmax(end)) for start, end in zip(starts, ends, strict=True)]
    else:
        pairs = zip(_joint_softmax(starts), _joint_softmax(ends), strict=True)
    return [Evidence(start[1:], end[1:], float(start[0] * end[0])) for start, end in pairs]


def _joint_softmax(rows: Sequence[np.ndarray]) -> list[np.ndarray]:
    stops = np.cumsum([len(row) for row in rows])
    return np.split(softmax(np.concatenate(rows)), stops[:-1])


def decode(
    encoded: Encoded,
    evidence: Sequence[Evidence],
    *,
    top_k: int = 1,
    max_answer_len: int = 15,
    handle_impossible_answer: bool = False,
    null_threshold: float = 0.0,
    align_to_words: bool = True,
) -> list[Answer]:
    """The `top_k` best different answers over all windows, best first.

    Spans of the same characters count once, with their best score. There are fewer than `top_k`
    answers only if the context has fewer spans; a context without any token has the empty answer,
    with score 0 unless `handle_impossible_answer`. The score of the empty answer is its lowest
    among the windows, since an answer in any of them refutes it; its logarithm must exceed those of
    the answers it is placed before by more than `null_threshold`.
    """
    null = min(window.null for window in evidence)
    firsts, lasts = _boundaries(encoded.context, align_to_words)
    best: dict[tuple[int, int], float] = {}
    for start, end, score in _ranked(encoded.windows, evidence, max_answer_len, top_k):
        best.setdefault((int(firsts[start]), int(lasts[end])), score)
        if len(best) == top_k:
            break
    context = encoded.example.context
    answers = [Answer(context[a:b], score, a, b) for (a, b), score in best.items()]
    if handle_impossible_answer:
        place = sum(_log(null) - _log(answer.score) <= null_threshold for answer in answers)
        answers.insert(place, Answer("", null, 0, 0))
    return answers[:top_k] or [Answer("", 0.0, 0, 0)]


def _log(score: float) -> float:
    return math.log(max(score, TINY))


def _boundaries(context: LocatedTokens, align_to_words: bool) -> tuple[np.ndarray, np.ndarray]:
    """First and last character of each token, or of the word it belongs to: (T,) and (T,)."""
    firsts, lasts = context.offsets[:, 0], context.offsets[:, 1]
    if not align_to_words or not len(firsts):
        return firsts, lasts
    starts = word_starts(context.words)
    counts = np.diff([*starts, len(firsts)])
    stops = starts + counts
    return np.repeat(firsts[starts], counts), np.repeat(lasts[stops - 1], counts)


def _ranked(
    windows: Sequence[Window], evidence: Sequence[Evidence], max_answer_len: int, top_k: int
) -> Iterator[tuple[int, int, float]]:
    """Token spans (first, last, score) of all windows, best first."""
    max_answer_len = min(max_answer_len, max(1, *(w.stop - w.start for w in windows)))
    bands = [_band(window, max_answer_len) for window in evidence]  # (T, A) each
    scores = np.concatenate([band.ravel() for band in bands])
    firsts = np.concatenate(
        [np.repeat(np.arange(w.start, w.stop), max_answer_len) for w in windows]
    )
    n_valid = int((scores >= 0).sum())
    done, wanted = 0, 1 if top_k == 1 else 4 * top_k
    while done < n_valid:  # most callers stop in the first round; sorting everything is slower
        order = _best(scores, min(wanted, n_valid))
        for i in order[done:]:
            first = int(firsts[i])
            yield first, first + int(i) % max_answer_len, float(scores[i])
        done, wanted = len(order), 8 * wanted


def _band(evidence: Evidence, max_answer_len: int) -> np.ndarray:
    """Scores (T, A) of spans that start at each token and have 1 to A tokens; -1 where none is."""
    padded = np.concatenate((evidence.end, np.full(max_answer_len - 1, -1.0)))
    ends = sliding_window_view(padded, max_answer_len) if len(evidence.end) else padded[:0, None]
    return np.where(ends < 0, -1.0, evidence.start[:, None] * ends)


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """Indices of the `k` highest scores, highest first, equal ones in order."""
    if k == 1:
        return np.array([scores.argmax()])
    lowest = np.partition(scores, len(scores) - k)[len(scores) - k]
    above = np.flatnonzero(scores >= lowest)  # with every tie, so that rounds agree on the order
    return above[np.argsort(-scores[above], kind="stable")][:k]
