"""Which tokens of a text a model must predict, and what it sees instead (BERT, section 3.1).

New masks are drawn for each batch, so no two epochs have the same. Every row has a generator of its
own, so its masks do not depend on the rows that share its batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.errors import InputError
from distilbert.heads import IGNORED_LABEL
from distilbert.tasks.windows import Tokenizer, word_starts

# What a chosen token becomes: [MASK], any other token, or itself for the rest (10 %).
MASK_SHARE = 0.8
RANDOM_SHARE = 0.1
NO_UNIT = -1  # of a token that is never chosen


@dataclass(frozen=True)
class Vocabulary:
    """The number of ids, the id of `[MASK]`, and the ids that are neither masked nor drawn, sorted.

    `[UNK]` is one of these: nothing can be learned from predicting it.
    """

    size: int
    mask_id: int
    special_ids: np.ndarray

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Vocabulary:
        """The vocabulary of a tokenizer.

        Raises:
            InputError: it has no `[MASK]`.
        """
        if tokenizer.mask_token_id is None:
            raise InputError(
                "Masked language modelling needs a tokenizer with `mask_token`: got none."
            )
        special = np.unique(np.array(tokenizer.all_special_ids, dtype=np.int64))
        return cls(len(tokenizer), tokenizer.mask_token_id, special)

    def ids_at(self, places: np.ndarray) -> np.ndarray:
        """Ids that are not special, each as likely as any other for `places` drawn from [0, 1)."""
        special = self.special_ids[self.special_ids < self.size]
        ids = (places * (self.size - len(special))).astype(np.int64)
        for taken in special:  # increasing, so each id moves past those below it
            ids += ids >= taken
        return ids


def units(words: np.ndarray) -> np.ndarray:
    """Numbers 0, 1, ... of the words that tokens are pieces of (T,); -1 in `words` is no word."""
    numbers = np.zeros(len(words), dtype=np.int64)
    numbers[word_starts(words)] = 1
    return numbers.cumsum() - 1


def rarity_weights(counts: np.ndarray, smoothing: float, vocabulary: Vocabulary) -> np.ndarray:
    """How likely each id is to be masked, float64 (V,): its count to the power of -`smoothing`.

    With 0 all are alike; DistilBERT was distilled with 0.7. Special tokens are never masked.
    """
    weights = np.maximum(counts, 1).astype(np.float64) ** -smoothing
    weights[vocabulary.special_ids[vocabulary.special_ids < len(weights)]] = 0.0
    return weights


def mask(
    rows: Sequence[np.ndarray],
    row_units: Sequence[np.ndarray],
    *,
    probability: float,
    vocabulary: Vocabulary,
    rngs: Iterable[np.random.Generator],
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Mask several rows at once.

    Args:
        rows: ids (S,) each.
        row_units: what is chosen together, (S,) each: the number of the token's word, that of the
            token, or -1 for a token that is never chosen. Special ids never are.
        rngs: a generator for each row.
        weights: see `rarity_weights`; by default all tokens are equally likely. A unit has the mean
            of its tokens.

    Returns:
        The concatenated rows (M,) as the model sees them, and the true ids where it must predict
        one, -100 elsewhere (M,).

    Of the n tokens of a row that may be chosen, `probability` x n, rounded, are chosen: units are
    drawn without replacement as long as their tokens together stay within that number; at least
    one unit is drawn.
    """
    draws = [rng.random((3, len(ids))) for ids, rng in zip(rows, rngs, strict=True)]
    order, fate, place = np.concatenate(draws, axis=1)
    ids, unit = np.concatenate(rows), np.concatenate(row_units)
    row = np.repeat(np.arange(len(rows)), [len(ids_of_row) for ids_of_row in rows])
    allowed = (unit != NO_UNIT) & ~np.isin(ids, vocabulary.special_ids)
    if weights is not None:
        allowed &= weights[ids] > 0
    candidates = np.flatnonzero(allowed)
    weight = np.ones(len(candidates)) if weights is None else weights[ids[candidates]]
    taken = _choose(unit[candidates], row[candidates], weight, order[candidates], probability)
    chosen = candidates[taken]
    labels = np.full(len(ids), IGNORED_LABEL, dtype=np.int64)
    labels[chosen] = ids[chosen]
    fate = fate[chosen]
    seen = ids.copy()
    seen[chosen[fate < MASK_SHARE]] = vocabulary.mask_id
    changed = chosen[(fate >= MASK_SHARE) & (fate < MASK_SHARE + RANDOM_SHARE)]
    seen[changed] = vocabulary.ids_at(place[changed])
    return seen, labels


def _choose(
    unit: np.ndarray, row: np.ndarray, weight: np.ndarray, draw: np.ndarray, probability: float
) -> np.ndarray:
    """Which of the candidate tokens are chosen, bool (M,)."""
    if not len(unit):
        return np.zeros(0, dtype=bool)
    width = int(unit.max()) + 1
    keys, first, key, sizes = np.unique(
        row * width + unit, return_index=True, return_inverse=True, return_counts=True
    )
    # The smallest of exponential times at these rates come first: a weighted draw without
    # replacement (Efraimidis and Spirakis, 2006).
    rate = np.bincount(key, weight) / sizes
    unit_row = keys // width
    order = np.lexsort((-np.log1p(-draw[first]) / rate, unit_row))  # shuffled within each row
    sorted_row = unit_row[order]
    begins = np.append(True, sorted_row[1:] != sorted_row[:-1])
    running = np.cumsum(sizes[order])
    before = (running - sizes[order])[begins]  # tokens of earlier rows
    running -= np.repeat(before, np.diff(np.append(np.flatnonzero(begins), len(order))))
    budget = np.floor(probability * np.bincount(row) + 0.5)
    taken = np.zeros(len(keys), dtype=bool)
    taken[order] = begins | (running <= budget[sorted_row])
    return taken[key]
