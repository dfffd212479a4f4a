"""Learning rates against values worked out by hand."""

from __future__ import annotations

import math

import pytest

from distilbert.errors import RunCardError
from distilbert.training.schedule import Schedule


def rates(kind: str, **options: int) -> list[float]:
    schedule = Schedule(peak=1.0, kind=kind, total=8, **{"warmup": 2, **options})
    return [schedule(step) for step in range(9)]


def test_linear_rises_from_the_first_update_and_ends_at_zero() -> None:
    expected = [1 / 2, 1, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0]
    assert rates("linear") == pytest.approx(expected)


def test_cosine_is_half_at_half_way() -> None:
    found = rates("cosine")
    assert found[5] == pytest.approx(0.5)
    assert found[8] == pytest.approx(0.0)
    assert found[3] == pytest.approx((1 + math.cos(math.pi / 6)) / 2)


def test_wsd_stays_and_then_falls_as_one_minus_a_root() -> None:
    expected = [1 / 2, 1, 1, 1, 1, 1 - 0, 1 - math.sqrt(1 / 3), 1 - math.sqrt(2 / 3), 0]
    assert rates("wsd", decay=3) == pytest.approx(expected)


def test_constant_stays() -> None:
    assert rates("constant") == [0.5] + [1.0] * 8


def test_no_warm_up_begins_at_the_peak() -> None:
    assert rates("linear", warmup=0)[0] == 1.0


def test_a_warm_up_as_long_as_the_run_never_divides_by_zero() -> None:
    assert rates("linear", warmup=8)[7] == 1.0


def test_an_unknown_kind_is_named() -> None:
    with pytest.raises(RunCardError, match="`schedule` must be one of linear, cosine"):
        Schedule(peak=1.0, kind="step", total=8, warmup=0)
