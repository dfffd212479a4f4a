"""From the tokens of texts to the sequences of a corpus: cut, framed, and short ones left out.

Works on batches of texts as flat arrays; the sequences do not depend on the size of the batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

N_SPECIAL = 2  # the first and the last token of a sequence


@dataclass(frozen=True)
class SequenceRules:
    """What a sequence looks like and which ones are kept.

    A sequence begins with `first_id` and ends with `last_id`, which all lengths include. A text of
    more than `max_length` tokens becomes several sequences, which together contain each of its
    tokens once. Sequences of fewer than `min_length` tokens are dropped, and those in which
    `unknown_id` is at least `max_unknown` of the tokens. With `join_texts` texts follow each other
    without a break and all sequences but the last are full.
    """

    first_id: int
    last_id: int
    unknown_id: int | None
    max_length: int
    min_length: int
    max_unknown: float
    join_texts: bool

    @property
    def capacity(self) -> int:
        """How many tokens of a text fit into a sequence."""
        return self.max_length - N_SPECIAL


class SequenceMaker:
    """Makes sequences of batches of tokenized texts, in order.

    `short` and `unknown_heavy` count the sequences that were dropped, `divided` the texts that
    became several sequences, unless texts are joined.
    """

    def __init__(self, rules: SequenceRules) -> None:
        self.rules = rules
        self.short = self.unknown_heavy = self.divided = 0
        self._pending = np.zeros(0, dtype=np.int64)  # tokens of joined texts, not yet in a sequence

    def add(self, ids: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The sequences that texts complete.

        Args:
            ids: tokens of all texts (T,).
            lengths: the number of tokens of each text (N,).

        Returns:
            The tokens of all sequences (M,), of the type of `ids`, and their lengths (W,).
        """
        capacity = self.rules.capacity
        if not self.rules.join_texts:
            self.divided += int((lengths > capacity).sum())
            return self._framed(ids, divided(lengths, capacity, self._shortest))
        pending = np.concatenate((self._pending.astype(ids.dtype), ids))
        # More than a full sequence stays, so that the last two can share their tokens.
        n_full = max(0, (len(pending) - 1) // capacity - 1)
        self._pending = pending[n_full * capacity :]
        return self._framed(pending[: n_full * capacity], np.full(n_full, capacity))

    def finish(self) -> tuple[np.ndarray, np.ndarray]:
        """The last sequences of joined texts; none otherwise."""
        pending, self._pending = self._pending, self._pending[:0]
        lengths = np.array([len(pending)] if len(pending) else [], dtype=np.int64)
        return self._framed(pending, divided(lengths, self.rules.capacity, self._shortest))

    @property
    def _shortest(self) -> int:
        return self.rules.min_length - N_SPECIAL

    def _framed(self, ids: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Those of the sequences that are kept, with their first and last tokens."""
        rules = self.rules
        kept = lengths >= self._shortest
        self.short += len(kept) - int(kept.sum())
        if rules.unknown_id is not None and len(ids):
            before = np.concatenate(([0], np.cumsum(ids == rules.unknown_id)))
            stops = np.cumsum(lengths)
            n_unknown = before[stops] - before[stops - lengths]
            heavy = kept & (n_unknown >= rules.max_unknown * (lengths + N_SPECIAL))
            self.unknown_heavy += int(heavy.sum())
            kept &= ~heavy
        if not kept.all():
            ids, lengths = ids[np.repeat(kept, lengths)], lengths[kept]
        full = lengths + N_SPECIAL
        stops = np.cumsum(full)
        framed = np.empty(int(full.sum()), dtype=ids.dtype)
        is_text = np.ones(len(framed), dtype=bool)
        for positions, token in ((stops - full, rules.first_id), (stops - 1, rules.last_id)):
            framed[positions] = token
            is_text[positions] = False
        framed[is_text] = ids
        return framed, full


def divided(lengths: np.ndarray, capacity: int, shortest: int) -> np.ndarray:
    """The lengths (W,) of the parts of texts with `lengths` tokens (N,), at most `capacity` each.

    Parts are full but for the last of each text. A last part of fewer than `shortest` tokens would
    be lost, so it shares tokens evenly with the part before it. An empty text is one empty part.
    """
    n_parts = np.maximum(-(-lengths // capacity), 1)
    parts = np.full(int(n_parts.sum()), capacity, dtype=np.int64)
    last = np.cumsum(n_parts) - 1
    parts[last] = lengths - (n_parts - 1) * capacity
    small = last[(n_parts > 1) & (parts[last] < shortest)]
    both = parts[small] + capacity
    parts[small - 1], parts[small] = both - both // 2, both // 2
    return parts
