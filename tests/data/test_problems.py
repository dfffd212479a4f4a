"""Problems are reported at once, by rule, with counts and the first places."""

from __future__ import annotations

import pytest

from distilbert.data import problems as module
from distilbert.data.problems import Problems
from distilbert.errors import DataError


def with_found() -> Problems:
    problems = Problems()
    for line in range(2, 7):
        problems.add("A text must not be empty.", f"a.csv line {line}", "")
    problems.add("A label must be known.", "a.csv line 9", "x" * 300)
    return problems


def test_the_report_counts_each_rule_and_shows_three_places() -> None:
    problems = with_found()
    assert len(problems) == 6
    assert problems.report().splitlines() == [
        "A text must not be empty. 5 rows fail:",
        "  a.csv line 2: got ''",
        "  a.csv line 3: got ''",
        "  a.csv line 4: got ''",
        "  and 2 more",
        "A label must be known. 1 row fails:",
        f"  a.csv line 9: got '{'x' * 116}...",
    ]


def test_problems_stop_a_run_unless_bad_rows_may_be_skipped() -> None:
    problems = with_found()
    with pytest.raises(DataError) as caught:
        problems.raise_or_skip(skip_bad_rows=False)
    assert str(caught.value) == (
        f"{problems.report()}\nFix these rows, or set `skip_bad_rows` to leave them out."
    )
    assert problems.raise_or_skip(skip_bad_rows=True) == 6


def test_nothing_wrong_stops_nothing() -> None:
    assert Problems().raise_or_skip(skip_bad_rows=False) == 0
    assert Problems().report() == ""


def test_of_many_problems_only_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    problems = with_found()
    assert (len(problems), len(problems.found["A text must not be empty."])) == (6, 2)
    assert "A text must not be empty. 5 rows fail:" in problems.report()


def test_the_first_problem_may_be_raised_at_once() -> None:
    with pytest.raises(DataError) as caught:
        Problems(raise_first=True).add("A text must not be empty.", "a.csv line 2", "x" * 300)
    assert str(caught.value) == f"A text must not be empty. In a.csv line 2: got '{'x' * 116}...."


def test_what_is_wrong_with_all_rows_is_never_skipped() -> None:
    problems = with_found()
    problems.add_source("`text` must name a column.", "b.csv line 2")
    assert len(problems) == 7
    assert problems.report().startswith("`text` must name a column. In b.csv line 2.\n")
    with pytest.raises(DataError) as caught:
        problems.raise_or_skip(skip_bad_rows=True)
    assert str(caught.value) == problems.report()
    with pytest.raises(DataError, match=r"^A rule\. In b line 1\.$"):
        Problems(raise_first=True).add_source("A rule.", "b line 1")
