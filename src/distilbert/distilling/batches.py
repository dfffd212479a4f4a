"""Batches of a corpus with masked tokens, for training and for evaluation.

What is drawn for a sequence depends on the seed, the epoch and the sequence alone, not on the
other sequences of its batch or the number of processes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from distilbert.batching import BatchPlan, padded_batch
from distilbert.data.corpus_files import Corpus
from distilbert.distilling.card import MASK_PROBABILITY, DistillCard
from distilbert.heads import IGNORED_LABEL
from distilbert.tasks.masked_lm.masking import NO_UNIT, Vocabulary, mask, rarity_weights
from distilbert.training.feed import Batch, generators
from distilbert.training.objective import COMPARED, MASKED, TOKENS

# Distinguishes the masks of evaluation from those of any epoch.
HELD_OUT = 2**31
CONTINUES = "##"


@dataclass(frozen=True)
class MaskedBatches:
    """Batches of some sequences of a corpus, which are numbered from 0.

    Args:
        numbers: their numbers in the corpus (F,).
        weights: how likely each id is to be masked (V,), see `rarity_weights`.
        probability: the fraction of tokens to mask; with 0 texts stay as they are.
        share: the fraction of the sequences in which tokens are masked.
        starts_word: bool (V,), whether a piece begins a word; None masks piece by piece.
        compared: the fraction of tokens at which predictions are compared; None for masked ones.
    """

    corpus: Corpus
    numbers: np.ndarray
    vocabulary: Vocabulary
    weights: np.ndarray
    probability: float
    share: float
    starts_word: np.ndarray | None
    compared: float | None

    @staticmethod
    def of(
        corpus: Corpus,
        numbers: np.ndarray,
        tokenizer: Any,
        card: DistillCard,
        *,
        probability: float = MASK_PROBABILITY,
    ) -> MaskedBatches:
        """Batches as a card describes them; `probability` is used where it has none."""
        vocabulary = Vocabulary.of(tokenizer)
        starts = None
        if card.masking.whole_words:
            pieces = tokenizer.convert_ids_to_tokens(range(len(corpus.counts)))
            starts = np.array([not str(piece).startswith(CONTINUES) for piece in pieces])
        return MaskedBatches(
            corpus,
            numbers,
            vocabulary,
            rarity_weights(corpus.counts, card.masking.mask_smoothing, vocabulary),
            probability if card.masking.mask_probability is None else card.masking.mask_probability,
            card.masking.mask_share,
            starts,
            None if card.losses.restrict_ce_to_mask else card.losses.kl_share,
        )

    @cached_property
    def lengths(self) -> np.ndarray:
        """Tokens of each sequence (F,)."""
        return self.corpus.lengths[self.numbers]

    def make(self, numbers: Sequence[int], rngs: Iterable[np.random.Generator]) -> Batch:
        """`input_ids`, `attention_mask` and `labels` (B, S), and `compared` unless it is all."""
        rows = [self.corpus[self.numbers[number]] for number in numbers]
        generators = list(rngs)
        batch = padded_batch(rows)
        is_token = batch["attention_mask"].astype(bool)
        labels = np.full(is_token.shape, IGNORED_LABEL, dtype=np.int64)
        if self.probability > 0:
            batch["input_ids"][is_token], labels[is_token] = mask(
                rows,
                [self._units(*pair) for pair in zip(rows, generators, strict=True)],
                probability=self.probability,
                vocabulary=self.vocabulary,
                rngs=generators,
                weights=self.weights,
            )
        batch["labels"] = labels
        if self.compared is None:
            batch["compared"] = labels != IGNORED_LABEL
        elif self.compared < 1:
            pairs = zip(rows, generators, strict=True)
            chosen = [self._sample(len(ids), rng) for ids, rng in pairs]
            batch["compared"] = np.zeros(is_token.shape, dtype=bool)
            batch["compared"][is_token] = np.concatenate(chosen)
        return batch

    def count(self, batch: Batch) -> dict[str, int]:
        """What the losses of a batch are means of."""
        n_tokens = int(batch["attention_mask"].sum())
        compared = batch.get("compared")
        return {
            TOKENS: n_tokens,
            MASKED: int((batch["labels"] != IGNORED_LABEL).sum()),
            COMPARED: n_tokens if compared is None else int(compared.sum()),
        }

    def all(
        self, seed: int, batch_tokens: int
    ) -> tuple[list[tuple[list[int], Batch]], Counter[str]]:
        """All sequences, those of similar length together, with the same masks at every call.

        Returns the numbers of the sequences of each batch with the batch, and the counts of all.
        """
        batches, counts = [], Counter[str]()
        for numbers in BatchPlan.by_length(self.lengths, batch_tokens):
            batch = self.make(numbers.tolist(), generators(seed, HELD_OUT, numbers.tolist()))
            batches.append((numbers.tolist(), batch))
            counts.update(self.count(batch))
        return batches, counts

    def _units(self, ids: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The number of the word of each token (S,); special tokens have none, and no token of a
        sequence that is not masked."""
        if self.share < 1 and rng.random() >= self.share:
            return np.full(len(ids), NO_UNIT)
        if self.starts_word is None:
            return np.arange(len(ids))
        units = np.cumsum(self.starts_word[ids])
        units[[0, -1]] = NO_UNIT
        return units

    def _sample(self, n_tokens: int, rng: np.random.Generator) -> np.ndarray:
        """Which tokens are compared, bool (S,), each as likely as any other."""
        assert self.compared is not None
        count = int(self.compared * n_tokens + rng.random())
        chosen = np.zeros(n_tokens, dtype=bool)
        chosen[rng.choice(n_tokens, count, replace=False, shuffle=False)] = True
        return chosen
