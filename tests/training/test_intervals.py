"""Bootstrap intervals: known cases, undefined scores, and pairs on the same draws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from distilbert.training.intervals import bootstrap, paired_bootstrap

N = 400
RIGHT = np.arange(N) % 4 != 0  # 75 % right


def accuracy(right: np.ndarray):
    return lambda indices: {
        "accuracy": float(right[slice(None) if indices is None else indices].mean())
    }


def test_the_interval_of_a_share_is_that_of_the_normal_approximation() -> None:
    """By hand: 0.75 +- 1.96 sqrt(0.75 * 0.25 / 400) = 0.75 +- 0.0424."""
    low, high = bootstrap(accuracy(RIGHT), N, resamples=4000, seed=0)["accuracy"]
    assert low == pytest.approx(0.75 - 0.0424, abs=0.004)
    assert high == pytest.approx(0.75 + 0.0424, abs=0.004)


def test_the_same_seed_gives_the_same_interval_and_another_does_not() -> None:
    first, again, other = (
        bootstrap(accuracy(RIGHT), N, resamples=50, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_score_that_never_changes_has_an_interval_of_no_width() -> None:
    assert bootstrap(lambda _: {"x": 2.0}, 5, resamples=20, seed=0) == {"x": (2.0, 2.0)}


def test_resamples_without_a_score_do_not_count_and_none_gives_no_interval() -> None:
    def scores(indices: np.ndarray | None) -> dict[str, float]:
        lacks = indices is not None and 0 not in indices
        return {"some": math.nan if lacks else 1.0, "never": math.nan}

    assert bootstrap(scores, 3, resamples=50, seed=0) == {"some": (1.0, 1.0)}
    assert bootstrap(scores, 3, resamples=0, seed=0) == {}


def test_equal_models_do_not_differ() -> None:
    found = paired_bootstrap(accuracy(RIGHT), accuracy(RIGHT), N, resamples=99, seed=0)
    assert found["accuracy"] == {"difference": 0.0, "interval": (0.0, 0.0), "p_value": 1.0}


def test_a_model_that_is_right_wherever_the_other_is_wrong_differs_surely() -> None:
    """The second is right on all: its difference is 0.25, and no draw has less than nothing."""
    found = paired_bootstrap(accuracy(RIGHT), accuracy(RIGHT | True), N, resamples=99, seed=0)
    assert found["accuracy"]["difference"] == 0.25
    assert found["accuracy"]["p_value"] == 2 * 1 / 100
    low, high = found["accuracy"]["interval"]
    assert 0.15 < low < 0.25 < high < 0.35


def test_only_common_scores_are_compared() -> None:
    first = lambda _: {"a": 1.0, "b": 1.0}  # noqa: E731
    found = paired_bootstrap(first, lambda _: {"b": 2.0}, 3, resamples=5, seed=0)
    assert list(found) == ["b"]
