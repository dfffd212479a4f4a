"""Pseudo-perplexity of texts: each token is hidden in turn and guessed (Salazar et al. 2020).

Costs a forward pass per token, and depends on no draw of masks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.heads import PADDING_ID
from distilbert.runner import Runner
from distilbert.tasks.masked_lm.masking import Vocabulary
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.windows import Tokenizer, owners, single_windows, tokenize


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

    @property
    def perplexities(self) -> np.ndarray:
        """Of each text, (E,); nan for one without tokens."""
        mean = np.full(len(self.n_tokens), np.nan)
        np.divide(-self.log_likelihoods, self.n_tokens, out=mean, where=self.n_tokens > 0)
        return np.exp(mean)


def pseudo_perplexity(
    runner: Runner,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    *,
    max_length: int = 512,
    overlap: int | None = None,
    batch_tokens: int | None = None,
) -> PseudoPerplexity:
    """Hide every token of every text once, special ones aside.

    A long text is cut into windows; a token is guessed in the one that shows most around it. A
    batch holds at most `batch_tokens` padded tokens, or one row.
    """
    mask_id = Vocabulary.of(tokenizer).mask_id
    tokenized = tokenize(tokenizer, texts)
    rows: list[np.ndarray] = []
    hidden: list[tuple[int, int, int]] = []  # text, row, position
    for text, tokens in enumerate(tokenized):
        windows = single_windows(tokenizer, tokens.ids, max_length=max_length, overlap=overlap)
        owner = owners(windows)
        for number, window in enumerate(windows):
            mine = np.flatnonzero(owner == number) - window.start + window.at
            hidden += [(text, len(rows), position) for position in mine.tolist()]
            rows.append(window.ids)
    sums = np.zeros(len(texts), dtype=np.float64)
    for group in _groups(
        hidden, [len(row) for row in rows], batch_tokens or runner.preferred_batch_tokens
    ):
        width = max(len(rows[row]) for _, row, _ in group)
        ids = np.full((len(group), width), PADDING_ID, dtype=np.int64)
        visible = np.zeros_like(ids)
        for i, (_, row, position) in enumerate(group):
            ids[i, : len(rows[row])] = rows[row]
            ids[i, position] = mask_id
            visible[i, : len(rows[row])] = 1
        wanted = np.zeros(ids.shape, dtype=bool)
        wanted[np.arange(len(group)), [position for *_, position in group]] = True
        batch = {"input_ids": ids, "attention_mask": visible}
        scores = log_softmax(runner.run_batch(batch, wanted=wanted)["logits"])  # (B, V)
        truth = [rows[row][position] for _, row, position in group]
        np.add.at(sums, [text for text, *_ in group], scores[np.arange(len(group)), truth])
    counts = np.array([len(tokens.ids) for tokens in tokenized], dtype=np.int64)
    return PseudoPerplexity(sums, counts)


def _groups(
    hidden: Sequence[tuple[int, int, int]], lengths: Sequence[int], batch_tokens: int
) -> Iterator[list[tuple[int, int, int]]]:
    """Batches of about equally long rows, longest first."""
    ordered = sorted(hidden, key=lambda item: -lengths[item[1]])
    start = 0
    while start < len(ordered):
        size = max(1, batch_tokens // lengths[ordered[start][1]])
        yield ordered[start : start + size]
        start += size
