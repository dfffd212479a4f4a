"""What is recommended for given numbers."""

from __future__ import annotations

import pytest
from benchmark_rows import row

from distilbert.benchmarking.advice import advice, busy_warning, ranked

EXPORTED = ("export it", "use it")


def test_the_fastest_exact_row_is_recommended_and_half_precision_only_with_a_condition() -> None:
    rows = [
        row("torch", texts=2.0),
        row("torch", "bfloat16", texts=0.5, difference=0.02),
        row("onnx", texts=1.0, steps=EXPORTED),
    ]
    assert advice(rows) == [
        "For many texts use onnx float32:",
        "  export it",
        "  use it",
        "For single inputs of 16 and 128 tokens use torch float32:",
        "  use torch",
        "If small differences are fine, 2.00x faster:" + " torch bfloat16:",
        "  use torch",
    ]


def test_a_fast_wrong_row_and_a_peer_are_never_recommended() -> None:
    rows = [
        row("torch", texts=2.0),
        row("onnx", texts=0.1, difference=0.7),
        row("openvino", texts=0.1, difference=float("nan")),
        row("other", texts=0.1, is_peer=True, difference=None),
    ]
    assert advice(rows) == [
        "For many texts use torch float32:",
        "  use torch",
        "Do not use onnx float32, openvino float32: the answers differ from the reference's.",
    ]
    assert [one.name for one in ranked(rows, 10)] == ["torch"]


def test_a_difference_that_is_noise_is_no_reason_to_export() -> None:
    rows = [row("torch", texts=1.03), row("onnx", texts=1.0, steps=EXPORTED)]
    assert advice(rows)[0] == "For many texts use torch float32:"
    assert [one.name for one in ranked(rows, 10)] == ["torch", "onnx"]
    rows = [row("torch", texts=1.2), row("onnx", texts=1.0, steps=EXPORTED)]
    assert advice(rows)[0] == "For many texts use onnx float32:"
    slow_half = row("torch", "bfloat16", texts=0.99, difference=0.02)
    assert not any("small differences" in line for line in advice([*rows, slow_half]))


def test_the_ranking_has_every_usable_row_with_its_speed() -> None:
    rows = [row("torch", texts=2.0), row("onnx", "int8", texts=0.5, difference=0.02)]
    found = ranked(rows, 10)
    assert [(one.name, one.dtype, one.is_exact) for one in found] == [
        ("onnx", "int8", False),
        ("torch", "float32", True),
    ]
    assert [one.texts_per_second for one in found] == [20, 5]


@pytest.mark.parametrize(("load", "cores"), [(None, 2), (0.9, 2), (3.0, 8)])
def test_an_idle_machine_gets_no_warning(load: float | None, cores: int) -> None:
    assert busy_warning(load, cores) is None


def test_a_busy_machine_gets_one() -> None:
    assert "load average 1.5 on 2 cores" in str(busy_warning(1.5, 2))


def test_nothing_is_recommended_where_nothing_is_exact() -> None:
    only = [row("onnx", "int8", difference=0.02)]
    assert advice(only) == []
