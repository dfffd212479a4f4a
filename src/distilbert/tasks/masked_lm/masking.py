"""Which tokens of a text a model must predict, and what it sees instead (BERT, section 3.1).

New masks are drawn for each batch, so no two epochs have the same; all randomness comes from one
generator.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Ids that are not special, each as likely as any other, (count,)."""
        special = self.special_ids[self.special_ids < self.size]
        ids = rng.integers(0, self.size - len(special), size=count)
        for taken in special:  # increasing, so each id moves past those below it
            ids += ids >= taken
        return ids


def units(words: np.ndarray) -> np.ndarray:
    """Numbers 0, 1, ... of the words that tokens are pieces of (T,); -1 in `words` is no word."""
    numbers = np.zeros(len(words), dtype=np.int64)
    numbers[word_starts(words)] = 1
    return numbers.cumsum() - 1


def mask(
    rows: Sequence[np.ndarray],
    row_units: Sequence[np.ndarray],
    *,
    probability: float,
    vocabulary: Vocabulary,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Mask several rows at once.

    Args:
        rows: ids (S,) each.
        row_units: what is chosen together, (S,) each: the number of the token's word, that of the
            token, or -1 for a token that is never chosen. Special ids never are.

    Returns:
        The concatenated rows (M,) as the model sees them, and the true ids where it must predict
        one, -100 elsewhere (M,).

    Of the n tokens of a row that may be chosen, `probability` x n, rounded, are chosen: units are
    drawn in random order as long as their tokens together stay within that number; at least one
    unit is drawn.
    """
    ids = np.concatenate(rows)
    unit = np.concatenate(row_units)
    row = np.repeat(np.arange(len(rows)), [len(ids_of_row) for ids_of_row in rows])
    candidates = np.flatnonzero((unit != NO_UNIT) & ~np.isin(ids, vocabulary.special_ids))
    chosen = candidates[_choose(unit[candidates], row[candidates], probability, rng)]
    labels = np.full(len(ids), IGNORED_LABEL, dtype=np.int64)
    labels[chosen] = ids[chosen]
    fate = rng.random(len(chosen))
    seen = ids.copy()
    seen[chosen[fate < MASK_SHARE]] = vocabulary.mask_id
    changed = chosen[(fate >= MASK_SHARE) & (fate < MASK_SHARE + RANDOM_SHARE)]
    seen[changed] = vocabulary.draw(len(changed), rng)
    return seen, labels


def _choose(
    unit: np.ndarray, row: np.ndarray, probability: float, rng: np.random.Generator
) -> np.ndarray:
    """Which of the candidate tokens are chosen, bool (M,)."""
    if not len(unit):
        return np.zeros(0, dtype=bool)
    width = int(unit.max()) + 1
    keys, key, sizes = np.unique(row * width + unit, return_inverse=True, return_counts=True)
    unit_row = keys // width
    order = np.lexsort((rng.random(len(keys)), unit_row))  # shuffled within each row
    sorted_row = unit_row[order]
    first = np.append(True, sorted_row[1:] != sorted_row[:-1])
    running = np.cumsum(sizes[order])
    before = (running - sizes[order])[first]  # tokens of earlier rows
    running -= np.repeat(before, np.diff(np.append(np.flatnonzero(first), len(order))))
    budget = np.floor(probability * np.bincount(row) + 0.5)
    taken = np.zeros(len(keys), dtype=bool)
    taken[order] = first | (running <= budget[sorted_row])
    return taken[key]
