"""The comparison with the source: every kind of row, and a difference that is too large."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.errors import ExportError
from distilbert.exporting.agreement import TEXTS, Agreement, compare
from distilbert.heads import HEADS


class Off(ArithmeticRunner):
    """Its outputs differ from those of the same runner by `by`."""

    by = 0.0

    def run_batch(self, batch: Any, *, wanted: Any = None) -> dict[str, np.ndarray]:
        outputs = super().run_batch(batch, wanted=wanted)
        return {name: array + np.float32(self.by) for name, array in outputs.items()}


@pytest.mark.parametrize("head", HEADS)
def test_rows_are_padded_alone_and_of_full_length(head: str, tokenizer) -> None:
    runner = ArithmeticRunner(head, small_config())
    found = compare(runner, runner, tokenizer, longest=20, tolerance=0.0)
    assert found.largest_difference == 0.0
    found.check()
    n_runs = 3 if head == "masked_lm" else 2  # a third for the logits of some tokens
    n_rows = [shape[0] for shape in runner.batches[::n_runs]]
    lead = 2 if head == "multiple_choice" else 1
    assert n_rows == [len(TEXTS) // lead, 1, 1]
    assert runner.batches[-1][-1] == 20


@pytest.mark.parametrize("by", [0.5, float("nan")])
def test_another_answer_is_an_error_and_nan_is_another(tokenizer, by: float) -> None:
    source = ArithmeticRunner("token_classification", small_config())
    other = Off("token_classification", small_config())
    other.by = by
    found = compare(source, other, tokenizer, longest=20, tolerance=1e-3)
    assert found.largest_difference > 1e-3
    with pytest.raises(ExportError, match=r"must answer as its source.*Nothing was written"):
        found.check()


def test_padding_is_not_compared(tokenizer) -> None:
    class Padded(ArithmeticRunner):
        def run_batch(self, batch: Any, *, wanted: Any = None) -> dict[str, np.ndarray]:
            outputs = super().run_batch(batch, wanted=wanted)
            hidden = batch["attention_mask"] == 0
            return {n: np.where(hidden[..., None], 99, a) for n, a in outputs.items()}

    config = small_config()
    found = compare(
        ArithmeticRunner("base", config),
        Padded("base", config),
        tokenizer,
        longest=20,
        tolerance=0.0,
    )
    assert found.largest_difference == 0.0


def test_the_error_names_both_numbers() -> None:
    found = Agreement(largest_difference=0.25, tolerance=0.001, n_rows=7)
    with pytest.raises(ExportError, match=re.escape("7 rows is 0.25 of the largest output")):
        found.check()


def test_other_logits_of_wanted_tokens_are_a_difference(tokenizer) -> None:
    class Shifted(ArithmeticRunner):
        def run_batch(self, batch, *, wanted=None):
            return super().run_batch(batch, wanted=wanted if wanted is None else wanted[:, ::-1])

    source, shifted = (kind("masked_lm", small_config()) for kind in (ArithmeticRunner, Shifted))
    found = compare(source, shifted, tokenizer, longest=20, tolerance=1e-3)
    assert found.largest_difference > 1e-3
