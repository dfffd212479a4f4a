"""Windows that look the same are evaluated once; beams stay within their width."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from stand_ins import ArithmeticRunner, ids_of, small_config

from distilbert.batching import run_windows
from distilbert.pipelines.filling import fill_jointly, score_gaps, widen
from distilbert.pipelines.job import Setup
from distilbert.tasks.masked_lm.predict import Encoded, Example, encode


def prepare(tokenizer: Any, text: str) -> tuple[Encoded, Setup, ArithmeticRunner, Any]:
    config = small_config()
    runner = ArithmeticRunner("masked_lm", config)
    (encoded,) = encode(tokenizer, [Example(text)])
    run = partial(run_windows, runner, batch_tokens=999)
    return encoded, Setup(tokenizer, config, 64), runner, run


def test_a_mask_is_widened_to_the_number_of_pieces(tokenizer: Any) -> None:
    encoded, *_ = prepare(tokenizer, "the [MASK] sat")
    gap = widen(encoded, 1, (7, 8, 9))
    assert gap.ids.tolist() == ids_of("the", "[MASK]", "[MASK]", "[MASK]", "sat")
    assert gap.position == 1


def test_shared_beginnings_are_evaluated_once(tokenizer: Any) -> None:
    encoded, setup, runner, run = prepare(tokenizer, "the [MASK] sat")
    wolf, gang, s, run_id, er = ids_of("wolf", "##gang", "##s", "run", "##er")
    gaps = [widen(encoded, 1, pieces) for pieces in [(wolf, gang), (wolf, s), (run_id, er)]]
    scores = score_gaps(gaps, setup, run)
    assert runner.batches == [
        (1, 6),
        (2, 6),
    ]  # at two masks, then after wolf and after run
    assert len(scores) == 3
    assert all(score < 0 for score in scores)


def test_no_gaps_have_no_scores(tokenizer: Any) -> None:
    _, setup, runner, run = prepare(tokenizer, "[MASK]")
    assert score_gaps([], setup, run) == []
    assert runner.batches == []


def test_a_wide_enough_beam_finds_the_likeliest_filling(tokenizer: Any) -> None:
    encoded, setup, _, run = prepare(tokenizer, "the [MASK] [MASK] sat")
    pool = ids_of("cat", "dog", "wolf", "mat")
    (wide,) = fill_jointly([encoded], setup, run, width=16, targets=pool)
    assert len(wide) == 16
    total = np.exp([filling.score for filling in wide]).sum()
    assert 0 < total < 1
    (narrow,) = fill_jointly([encoded], setup, run, width=4, targets=pool)
    assert narrow[0].pieces == wide[0].pieces
