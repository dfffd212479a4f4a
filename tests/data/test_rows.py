"""A row is what was read, and where."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from distilbert.data.rows import Row


def test_a_row_holds_values_and_their_place_and_stays_as_it_is() -> None:
    row = Row({"text": "a"}, "train.csv line 2")
    assert (row.values["text"], row.place) == ("a", "train.csv line 2")
    with pytest.raises(FrozenInstanceError):
        row.place = "elsewhere"  # type: ignore[misc]


def test_lone_surrogates_in_values_are_replaced() -> None:
    assert Row({"words": ["a", "\ud83d"], "n": 1}, "memory").values == {
        "words": ["a", "\ufffd"],
        "n": 1,
    }


def test_an_index_is_no_value_of_a_column_that_is_not_there() -> None:
    row = Row({"": "0", "text": "a"}, "x line 2", header="x line 1")
    assert [row.value("text"), row.value(None), row.value("label")] == ["a", None, None]
    assert row.columns_place == "x line 1"
    assert Row({}, "x line 2").columns_place == "x line 2"
