"""Each token is hidden once, alone, and its log-probability counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.tasks.masked_lm.pseudo_perplexity import pseudo_perplexity

TEXTS = ["the cat sat on the mat .", "wolfgang", "", "where does my dog live ?"]


def by_hand(runner: Any, tokenizer: Any, text: str) -> float:
    """One masked copy at a time, without batches or padding."""
    ids = tokenizer.encode(text)
    total = 0.0
    for position in range(1, len(ids) - 1):
        copy = np.array([ids])
        copy[0, position] = tokenizer.mask_token_id
        logits = runner.run_batch({"input_ids": copy, "attention_mask": np.ones_like(copy)})[
            "logits"
        ]
        row = logits[0, position].astype(np.float64)
        total += row[ids[position]] - np.log(np.exp(row).sum())
    return total


@pytest.mark.parametrize("batch_tokens", [1, 20, 1000])
def test_it_is_the_sum_over_single_masked_copies(tokenizer: Any, batch_tokens: int) -> None:
    runner = ArithmeticRunner("masked_lm", small_config())
    found = pseudo_perplexity(runner, tokenizer, TEXTS, max_length=64, batch_tokens=batch_tokens)
    expected = [by_hand(runner, tokenizer, text) for text in TEXTS]
    assert found.log_likelihoods == pytest.approx(expected, abs=1e-5)
    assert found.n_tokens.tolist() == [7, 2, 0, 6]
    assert found.perplexity == pytest.approx(np.exp(-sum(expected) / 15))


def test_batches_keep_the_budget(tokenizer: Any) -> None:
    runner = ArithmeticRunner("masked_lm", small_config())
    pseudo_perplexity(runner, tokenizer, TEXTS, max_length=64, batch_tokens=20)
    assert all(rows == 1 or rows * length <= 20 for rows, length in runner.batches)
    assert sum(rows for rows, _ in runner.batches) == 15


def test_every_token_of_a_long_text_is_hidden_once(tokenizer: Any) -> None:
    hidden = []

    class Flat(ArithmeticRunner):
        """Gives every token the same logits."""

        def run_batch(
            self, batch: Mapping[str, np.ndarray], *, wanted: np.ndarray | None = None
        ) -> dict[str, np.ndarray]:
            assert wanted is not None
            hidden.append((batch["input_ids"] == tokenizer.mask_token_id).sum(axis=1))
            return {"logits": np.zeros((int(wanted.sum()), 86), dtype=np.float32)}

    runner = Flat("masked_lm", small_config())
    found = pseudo_perplexity(runner, tokenizer, ["the cat " * 30], max_length=16)
    assert np.concatenate(hidden).tolist() == [1] * 60
    assert found.perplexity == pytest.approx(86)


def test_no_tokens_have_no_perplexity(tokenizer: Any) -> None:
    runner = ArithmeticRunner("masked_lm", small_config())
    assert np.isnan(pseudo_perplexity(runner, tokenizer, [], max_length=64).perplexity)
