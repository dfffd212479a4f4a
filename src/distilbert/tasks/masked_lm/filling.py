"""Fill the masks of texts: each by itself, several together, or with targets of several pieces.

Joint probabilities follow the chain rule from left to right: the first mask is predicted while the
others are still masks, then the next with the first filled in, and so on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from math import exp
from typing import TypeVar

import numpy as np

from distilbert.batching import Evaluate
from distilbert.tasks.masked_lm.predict import Answer, Encoded, View, decode, view
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.windows import N_SPECIAL_SINGLE, Tokenizer

# Partial fillings that are kept at each mask; the best complete filling may not start with the
# most likely token.
BEAM_WIDTH = 10

Pieces = tuple[int, ...]
Result = TypeVar("Result")


@dataclass(frozen=True)
class MaskedModel:
    """A masked language model that takes `max_length` tokens, with its tokenizer."""

    tokenizer: Tokenizer
    max_length: int
    evaluate: Evaluate

    def view(self, ids: np.ndarray, first: int, last: int) -> View:
        """The window of a text (T,) around tokens `first` to `last`."""
        return view(self.tokenizer, ids, first=first, last=last, max_length=self.max_length)

    def predict(
        self,
        views: Sequence[View],
        places: Sequence[Sequence[int]],
        reduce: Callable[[int, np.ndarray], Result],
    ) -> list[Result]:
        """What `reduce(number, logits)` returns for each view and its logits (P, V) at `places`,
        increasing token numbers in the text."""
        positions = [
            np.array(tokens) + one.shift for one, tokens in zip(views, places, strict=True)
        ]
        return self.evaluate(
            [one.ids for one in views],
            lambda number, outputs: reduce(number, outputs["logits"]),
            positions=positions,
        )


def fill_masks(
    model: MaskedModel,
    texts: Sequence[Encoded],
    *,
    top_k: int,
    targets: Sequence[Pieces] | None = None,
) -> list[list[list[Answer]]]:
    """Per text and mask the `top_k` most likely tokens, while the other masks stay masks.

    With `targets` only these compete. For a target of several pieces the mask is widened to as many
    masks.
    """
    long = [pieces for pieces in targets or () if len(pieces) > 1]
    pool = None if targets is None else [pieces[0] for pieces in targets if len(pieces) == 1]
    if pool == []:
        found: list[list[list[Answer]]] = [[[] for _ in text.masks] for text in texts]
    else:
        found = _fill_with_tokens(model, texts, len(pool) if pool else top_k, pool)
    if long:
        gaps = [
            widen(text, int(mask), pieces)
            for text in texts
            for mask in text.masks
            for pieces in long
        ]
        scores = iter(score_gaps(model, gaps))
        for answers in chain.from_iterable(found):
            answers.extend(Answer(pieces, exp(next(scores))) for pieces in long)
            answers.sort(key=lambda answer: -answer.score)
    return [[answers[:top_k] for answers in of_text] for of_text in found]


def _fill_with_tokens(
    model: MaskedModel, texts: Sequence[Encoded], top_k: int, pool: Sequence[int] | None
) -> list[list[list[Answer]]]:
    views: list[View] = []
    places: list[list[int]] = []
    for text in texts:
        masks = text.masks.tolist()
        fits = len(text.ids) + N_SPECIAL_SINGLE <= model.max_length
        for group in [masks] if fits else [[mask] for mask in masks]:
            views.append(model.view(text.ids, group[0], group[-1]))
            places.append(group)
    rows = model.predict(
        views,
        places,
        lambda _, logits: [decode(row, top_k=top_k, targets=pool) for row in logits],
    )
    answers = chain.from_iterable(rows)
    return [[next(answers) for _ in text.masks] for text in texts]


@dataclass(frozen=True, slots=True)
class Gap:
    """A text (T,) with `len(pieces)` masks from `position` on, and the pieces to score there."""

    ids: np.ndarray
    position: int
    pieces: Pieces


def widen(text: Encoded, mask: int, pieces: Pieces) -> Gap:
    """The text with one mask, at token `mask`, widened to as many masks as there are pieces."""
    middle = np.repeat(text.ids[mask], len(pieces))
    return Gap(np.concatenate((text.ids[:mask], middle, text.ids[mask + 1 :])), mask, pieces)


def score_gaps(model: MaskedModel, gaps: Sequence[Gap]) -> list[float]:
    """The joint log-probability of each gap's pieces, given that the gap has that many."""
    totals = np.zeros(len(gaps))
    for step in range(max((len(gap.pieces) for gap in gaps), default=0)):
        # Gaps with the same text so far share one window: its place, and the gaps.
        shared: dict[bytes, tuple[View, int, list[int]]] = {}
        for number, gap in enumerate(gaps):
            if step < len(gap.pieces):
                ids, place = gap.ids.copy(), gap.position + step
                ids[gap.position : place] = gap.pieces[:step]
                one = model.view(ids, gap.position, gap.position + len(gap.pieces) - 1)
                key = one.ids.tobytes() + (place + one.shift).to_bytes(4, "little")
                shared.setdefault(key, (one, place, []))[2].append(number)
        views, places, numbers = zip(*shared.values(), strict=True)
        pieces = [[gaps[number].pieces[step] for number in of_window] for of_window in numbers]

        def reduce(
            i: int, logits: np.ndarray, pieces: Sequence[Sequence[int]] = pieces
        ) -> np.ndarray:
            return log_softmax(logits[0])[pieces[i]]

        scores = model.predict(views, [[place] for place in places], reduce)
        for of_window, found in zip(numbers, scores, strict=True):
            totals[of_window] += found
    return totals.tolist()


@dataclass(frozen=True, slots=True)
class Filling:
    """A text whose first masks are filled with `pieces`, and the log-probability of that."""

    ids: np.ndarray
    pieces: Pieces
    score: float


def fill_jointly(
    model: MaskedModel,
    texts: Sequence[Encoded],
    *,
    width: int,
    targets: Sequence[int] | None = None,
) -> list[list[Filling]]:
    """Per text up to `width` fillings of all its masks together, best first (beam search).

    With `targets` only these ids can be at a mask.
    """
    pool = None if targets is None else np.array(targets, dtype=np.int64)

    def best(_: int, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = log_softmax(logits[0])
        ids = np.arange(len(scores)) if pool is None else pool
        order = np.argsort(-scores[ids], kind="stable")[:width]
        return ids[order], scores[ids[order]]

    beams = [[Filling(text.ids, (), 0.0)] for text in texts]
    for step in range(max((len(text.masks) for text in texts), default=0)):
        open_ = [n for n, text in enumerate(texts) if step < len(text.masks)]
        partial = [(texts[n].masks, filling) for n in open_ for filling in beams[n]]
        found = model.predict(
            [model.view(one.ids, int(masks[0]), int(masks[-1])) for masks, one in partial],
            [[int(masks[step])] for masks, _ in partial],
            best,
        )
        continuations = iter(found)
        for n in open_:
            mask = int(texts[n].masks[step])
            grown = [
                grown
                for filling in beams[n]
                for grown in _extend(filling, mask, *next(continuations))
            ]
            beams[n] = sorted(grown, key=lambda filling: -filling.score)[:width]
    return beams


def _extend(filling: Filling, mask: int, ids: np.ndarray, scores: np.ndarray) -> list[Filling]:
    extended = []
    for piece, score in zip(ids.tolist(), scores.tolist(), strict=True):
        text = filling.ids.copy()
        text[mask] = piece
        extended.append(Filling(text, (*filling.pieces, piece), filling.score + score))
    return extended
