"""Pseudo-perplexity of texts: each token is masked in turn and predicted (Salazar et al. 2020).

Costs a forward pass per token, and depends on no random masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.batching import BatchPlan, padded_batch
from distilbert.runner import Runner
from distilbert.tasks.masked_lm.masking import Vocabulary
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.windows import Tokenizer, best_windows, single_windows


@dataclass(frozen=True)
class PseudoPerplexity:
    """`log_likelihoods` of the texts (E,), sums over their tokens, and how many tokens (E,)."""

    log_likelihoods: np.ndarray
    n_tokens: np.ndarray

    @property
    def perplexity(self) -> float:
        """Of all texts together; nan without any token."""
        total = self.n_tokens.sum()
        return float(np.exp(-self.log_likelihoods.sum() / total)) if total else float("nan")


def pseudo_perplexity(
    runner: Runner,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    max_length: int,
    overlap: int | None = None,
    batch_tokens: int | None = None,
) -> PseudoPerplexity:
    """Mask every token of every text once, except special ones.

    A long text is divided into windows; a token is predicted in the window with most context around
    it. A batch holds at most `batch_tokens` padded tokens, or one row.
    """
    mask_id = Vocabulary.of(tokenizer).mask_id
    tokenized = tokenizer.token_ids(texts)
    rows: list[np.ndarray] = []
    masked: list[tuple[int, int, int]] = []  # text, row, position
    for text, token_ids in enumerate(tokenized):
        windows = single_windows(tokenizer, token_ids, max_length=max_length, overlap=overlap)
        best = best_windows(windows)
        for number, window in enumerate(windows):
            positions = np.flatnonzero(best == number) + window.shift
            masked += [(text, len(rows), position) for position in positions.tolist()]
            rows.append(window.ids)
    sums = np.zeros(len(texts), dtype=np.float64)
    text_of, row_of, position_of = np.array(masked, dtype=np.int64).reshape(-1, 3).T
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    for numbers in BatchPlan.by_length(
        lengths[row_of], batch_tokens or runner.preferred_batch_tokens
    ):
        batch = padded_batch([rows[row] for row in row_of[numbers]])
        each, positions = np.arange(len(numbers)), position_of[numbers]
        truth = batch["input_ids"][each, positions]
        batch["input_ids"][each, positions] = mask_id
        wanted = np.zeros(batch["input_ids"].shape, dtype=bool)
        wanted[each, positions] = True
        scores = log_softmax(runner.run_batch(batch, wanted=wanted)["logits"])  # (B, V)
        np.add.at(sums, text_of[numbers], scores[each, truth])
    return PseudoPerplexity(sums, np.array([len(ids) for ids in tokenized], dtype=np.int64))
