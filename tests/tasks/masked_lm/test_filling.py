"""Windows that look the same are evaluated once; beams stay within their width."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from stand_ins import ArithmeticRunner, ids_of, small_config

from distilbert.batching import run_windows
from distilbert.tasks.masked_lm.filling import (
    MaskedModel,
    fill_jointly,
    fill_masks,
    score_gaps,
    widen,
)
from distilbert.tasks.masked_lm.predict import Encoded, encode


def prepare(tokenizer: Any, text: str) -> tuple[Encoded, MaskedModel, ArithmeticRunner]:
    runner = ArithmeticRunner("masked_lm", small_config())
    (encoded,) = encode(tokenizer, [text])
    run = partial(run_windows, runner, batch_tokens=999)
    return encoded, MaskedModel(tokenizer, 64, run), runner


def test_a_mask_is_widened_to_the_number_of_pieces(tokenizer: Any) -> None:
    encoded, *_ = prepare(tokenizer, "the [MASK] sat")
    gap = widen(encoded, 1, (7, 8, 9))
    assert gap.ids.tolist() == ids_of("the", "[MASK]", "[MASK]", "[MASK]", "sat")
    assert gap.position == 1


def test_shared_beginnings_are_evaluated_once(tokenizer: Any) -> None:
    encoded, model, runner = prepare(tokenizer, "the [MASK] sat")
    wolf, gang, s, run_id, er = ids_of("wolf", "##gang", "##s", "run", "##er")
    gaps = [widen(encoded, 1, pieces) for pieces in [(wolf, gang), (wolf, s), (run_id, er)]]
    scores = score_gaps(model, gaps)
    assert runner.batches == [
        (1, 6),
        (2, 6),
    ]  # at two masks, then after wolf and after run
    assert len(scores) == 3
    assert all(score < 0 for score in scores)


def test_no_gaps_have_no_scores(tokenizer: Any) -> None:
    _, model, runner = prepare(tokenizer, "[MASK]")
    assert score_gaps(model, []) == []
    assert runner.batches == []


def test_a_wide_enough_beam_finds_the_likeliest_filling(tokenizer: Any) -> None:
    encoded, model, _ = prepare(tokenizer, "the [MASK] [MASK] sat")
    pool = ids_of("cat", "dog", "wolf", "mat")
    (wide,) = fill_jointly(model, [encoded], width=16, targets=pool)
    assert len(wide) == 16
    total = np.exp([filling.score for filling in wide]).sum()
    assert 0 < total < 1
    (narrow,) = fill_jointly(model, [encoded], width=4, targets=pool)
    assert narrow[0].pieces == wide[0].pieces


def test_only_the_logits_of_masks_are_computed(tokenizer: Any) -> None:
    encoded, model, runner = prepare(tokenizer, "the [MASK] sat on [MASK]")
    fill_masks(model, [encoded], top_k=3)
    assert runner.n_wanted == [2]
    fill_masks(model, [encoded], top_k=3, targets=[tuple(ids_of("wolf", "##gang"))])
    assert runner.n_wanted == [2, 2, 2]  # a piece at either mask, twice
    fill_jointly(model, [encoded], width=3)
    assert runner.n_wanted == [2, 2, 2, 1, 3]
