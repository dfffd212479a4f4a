"""Keras' `fit` around updates: which are done, when it ends, and what the caller learns."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from distilbert.tensorflow.keras_loop import fit
from distilbert.training.feed import Update
from distilbert.training.session import Outcome


def updates(n: int) -> Iterator[Update]:
    for number in range(n):
        yield Update(number, 0, 0.1, [], 1, 1, 1)


def test_every_update_is_one_step_and_then_done() -> None:
    seen: list[tuple[str, int]] = []

    def step(update: Update) -> Outcome:
        seen.append(("step", update.number))
        return Outcome({"loss": 2.0 * update.number}, grad_norm=1.0)

    def done(update: Update, outcome: Outcome) -> bool:
        assert outcome.loss == 2.0 * update.number
        seen.append(("done", update.number))
        return True

    fit(updates(3), step, done)
    assert seen == [(what, number) for number in range(3) for what in ("step", "done")]


def test_the_loop_stops_where_done_says_so_and_builds_no_further_update() -> None:
    given = updates(9)
    fit(given, lambda _: Outcome({"loss": 0.0}, 0.0), lambda update, _: update.number < 1)
    assert next(given).number == 2


def test_no_updates_are_no_steps() -> None:
    def never(*_: object) -> Outcome:
        raise AssertionError("there was nothing to do")

    fit(updates(0), never, never)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("where", ["updates", "step", "done"])
def test_errors_reach_the_caller_as_they_are(where: str) -> None:
    class OwnError(Exception):
        pass

    def broken() -> Iterator[Update]:
        yield from updates(1)
        raise OwnError

    def fails(*_: object) -> Outcome:
        raise OwnError

    def goes_on(*_: object) -> bool:
        return True

    with pytest.raises(OwnError):
        fit(
            broken() if where == "updates" else updates(2),
            fails if where == "step" else lambda _: Outcome({"loss": 0.0}, 0.0),
            fails if where == "done" else goes_on,  # pyright: ignore[reportArgumentType]
        )
