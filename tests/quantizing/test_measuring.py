"""Speed before and after."""

from __future__ import annotations

import pytest
from stand_ins import ArithmeticRunner, small_config

from distilbert.quantizing.measuring import Line, measure_speed


@pytest.mark.parametrize("head", ["base", "multiple_choice"])
def test_single_texts_and_a_ragged_batch_are_timed(head: str) -> None:
    config = small_config()
    pair = ArithmeticRunner(head, config), ArithmeticRunner(head, config)
    lines = measure_speed(*pair, rounds=2)
    names = ["latency, 1 text of 16 tokens", "latency, 1 text of 64 tokens"]
    assert [line.name for line in lines] == [*names, "throughput, 32 texts of 8 to 64 tokens"]
    assert [line.unit for line in lines] == ["ms", "ms", "tokens/s"]
    assert all(line.before > 0 and line.after > 0 for line in lines)
    assert len(pair[0].batches) == len(pair[1].batches) > 6


def test_a_ratio_needs_a_number_before() -> None:
    assert Line("size", "MB", 8.0, 2.0).ratio == 0.25
    assert Line("cosine", "", None, 0.9).ratio is None
    assert Line("f1", "", 0.0, 0.0).ratio is None
