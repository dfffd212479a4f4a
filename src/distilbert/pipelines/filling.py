"""Filling that takes several looks: targets of several pieces, and several masks at once.

Probabilities follow the chain rule from left to right: the first mask is judged while the others
are still masks, then the next with the first filled in, and so on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.pipelines.job import Setup
from distilbert.tasks.masked_lm.predict import Encoded, View, view
from distilbert.tasks.probability import log_softmax

# Partial fillings that are kept at each mask; the likeliest whole filling may not start likeliest.
BEAM_WIDTH = 10


@dataclass(frozen=True, slots=True)
class Gap:
    """A text (T,) with `len(pieces)` masks from `position` on, and the pieces to score there."""

    ids: np.ndarray
    position: int
    pieces: tuple[int, ...]


def widen(encoded: Encoded, mask: int, pieces: tuple[int, ...]) -> Gap:
    """The text with one mask, at token `mask`, widened to as many masks as there are pieces."""
    middle = np.repeat(encoded.ids[mask], len(pieces))
    ids = np.concatenate((encoded.ids[:mask], middle, encoded.ids[mask + 1 :]))
    return Gap(ids, mask, pieces)


def score_gaps(gaps: Sequence[Gap], setup: Setup, run: Evaluate) -> list[float]:
    """The joint log-probability of each gap's pieces, given that the gap has that many."""
    totals = np.zeros(len(gaps))
    for step in range(max((len(gap.pieces) for gap in gaps), default=0)):
        numbers: dict[bytes, int] = {}  # gaps that look the same so far share one window
        windows: list[View] = []
        places: list[int] = []
        asked: list[list[tuple[int, int]]] = []  # per window: gap and the piece it asks for
        for i, gap in enumerate(gaps):
            if step >= len(gap.pieces):
                continue
            ids = gap.ids.copy()
            ids[gap.position : gap.position + step] = gap.pieces[:step]
            shown = _view(ids, gap.position, gap.position + len(gap.pieces) - 1, setup)
            place = gap.position + step + shown.shift
            key = shown.ids.tobytes() + place.to_bytes(4, "little")
            if key not in numbers:
                numbers[key] = len(windows)
                windows.append(shown)
                places.append(place)
                asked.append([])
            asked[numbers[key]].append((i, gap.pieces[step]))

        def keep(
            number: int,
            outputs: Mapping[str, np.ndarray],
            places: Sequence[int] = places,
            asked: Sequence[Sequence[tuple[int, int]]] = asked,
        ) -> np.ndarray:
            pieces = [piece for _, piece in asked[number]]
            return log_softmax(outputs["logits"][places[number]])[pieces]

        for pairs, scores in zip(asked, run([w.ids for w in windows], keep), strict=True):
            for (i, _), score in zip(pairs, scores, strict=True):
                totals[i] += score
    return totals.tolist()


@dataclass(frozen=True, slots=True)
class Filling:
    """A text whose first masks are filled with `pieces`, and the log-probability of that."""

    ids: np.ndarray
    pieces: tuple[int, ...]
    score: float


def fill_jointly(
    encoded: Sequence[Encoded],
    setup: Setup,
    run: Evaluate,
    *,
    width: int,
    targets: Sequence[int] | None = None,
) -> list[list[Filling]]:
    """Per text up to `width` fillings of all its masks together, likeliest first (beam search).

    With `targets` only these ids may stand at a mask.
    """
    beams = [[Filling(one.ids, (), 0.0)] for one in encoded]
    pool = None if targets is None else np.array(targets, dtype=np.int64)
    for step in range(max((len(one.masks) for one in encoded), default=0)):
        owners = [
            (number, filling)
            for number, (one, beam) in enumerate(zip(encoded, beams, strict=True))
            if step < len(one.masks)
            for filling in beam
        ]
        views = [
            _view(filling.ids, int(encoded[n].masks[0]), int(encoded[n].masks[-1]), setup)
            for n, filling in owners
        ]
        places = [
            int(encoded[n].masks[step]) + shown.shift
            for (n, _), shown in zip(owners, views, strict=True)
        ]

        def keep(
            i: int, outputs: Mapping[str, np.ndarray], places: Sequence[int] = places
        ) -> tuple[np.ndarray, np.ndarray]:
            scores = log_softmax(outputs["logits"][places[i]])
            ids = np.arange(len(scores)) if pool is None else pool
            best = np.argsort(-scores[ids], kind="stable")[:width]
            return ids[best], scores[ids[best]]

        grown: dict[int, list[Filling]] = {}
        for (n, filling), found in zip(owners, run([v.ids for v in views], keep), strict=True):
            mask = int(encoded[n].masks[step])
            grown.setdefault(n, []).extend(_grow(filling, mask, *found))
        for n, fillings in grown.items():
            beams[n] = sorted(fillings, key=lambda filling: -filling.score)[:width]
    return beams


def _grow(filling: Filling, mask: int, ids: np.ndarray, scores: np.ndarray) -> list[Filling]:
    grown = []
    for piece, score in zip(ids.tolist(), scores.tolist(), strict=True):
        text = filling.ids.copy()
        text[mask] = piece
        pieces = (*filling.pieces, piece)
        grown.append(replace(filling, ids=text, pieces=pieces, score=filling.score + score))
    return grown


def _view(ids: np.ndarray, first: int, last: int, setup: Setup) -> View:
    shown = view(setup.tokenizer, ids, first=first, last=last, max_length=setup.max_length)
    if shown is None:
        raise InputError(
            f"Masks that are filled together must lie within one window of {setup.max_length} "
            f"tokens: got masks {last - first + 1} tokens apart. Use `joint=False`."
        )
    return shown
