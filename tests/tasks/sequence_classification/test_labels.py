"""What labels say, in the forms in which data sets write them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from distilbert.tasks.columns import MISSING
from distilbert.tasks.sequence_classification.labels import (
    multi_hot_length,
    names_of_columns,
    numbers_by_name,
    parsed,
    read_label,
    usual_kind,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("good", "good"),
        ("good ", "good"),
        (3, "3"),
        (3.0, "3"),
        (2.5, "2.5"),
        (True, "1"),
        (None, None),
        ("", None),
        (" ", None),
        (float("nan"), None),
        (["a", "b", "a"], ("a", "b")),
        ([], ()),
        (["a", None], None),
    ],
)
def test_labels_are_names(value: Any, expected: Any) -> None:
    assert read_label(value) == expected


def test_a_separator_makes_several_of_one_cell() -> None:
    assert read_label("a, b", separator=",") == ("a", "b")
    assert read_label("money; politics", separator=";") == ("money", "politics")
    assert read_label("a", separator=",") == ("a",)
    assert read_label("", separator=",") == ()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("['a', 'b']", ["a", "b"]),
        ('["a"]', ["a"]),
        ("[1, 0, 1]", [1, 0, 1]),
        ("[1 0 1]", [1, 0, 1]),  # how NumPy prints it
        ("[1. 0.]", [1, 0]),
        ("[a, b]", "[a, b]"),
        ("[spam]", "[spam]"),
        ("['a' 'b']", ["a", "b"]),
        ("[]", []),
        ("a", "a"),
        ("nan", None),
        ("NA", None),
        (["NA"], ["NA"]),
        (1, 1),
    ],
)
def test_a_cell_may_hold_the_text_of_a_list_or_no_value(cell: Any, expected: Any) -> None:
    assert parsed(cell, MISSING) == expected


def test_missing_values_can_be_named() -> None:
    assert parsed("NA", ("-",)) == "NA"
    assert parsed("-", ("-",)) is None


@pytest.mark.parametrize(
    ("values", "length"),
    [
        ([[1, 0, 1], [0, 1, 0], [0, 0, 0]], 3),
        ([np.array([1.0, 0.0]), [True, False]], 2),
        ([[1, 0], [0, 1], [0, 2], None], 2),
        ([[1, 0], [0]], None),
        ([[0], [1]], None),
        ([["1", "0"], ["0", "1"]], None),
        (["a"], None),
        ([], None),
    ],
)
def test_lists_of_zeros_and_ones_of_one_length_are_multi_hot(
    values: list[Any], length: int | None
) -> None:
    assert multi_hot_length(values) == length


def test_a_multi_hot_list_names_the_labels_whose_item_is_one() -> None:
    assert read_label([1, 0, 1], hot=("x", "y", "z")) == ("x", "z")
    assert read_label([0, 0, 0], hot=("x", "y", "z")) == ()


def test_columns_of_zeros_and_ones_name_the_labels() -> None:
    assert names_of_columns(["x", "y", "z"], ["1", 0, "True"]) == ["x", "z"]
    assert names_of_columns(["x", "y"], ["1.0", False]) == ["x"]
    assert names_of_columns(["x", "y"], ["1", "2"]) is None
    assert names_of_columns(["x", "y"], ["1", None]) is None


def test_a_label_may_be_written_by_its_name_in_any_case_or_by_its_number() -> None:
    numbers = numbers_by_name(["NEGATIVE", "POSITIVE"])
    written = ["POSITIVE", "positive", "1", "1.0", "2", "other"]
    assert [numbers.get(name) for name in written] == [1, 1, 1, 1, None, None]
    learned = numbers_by_name(["down", "up"], class_numbers=False)
    assert [learned.get(name) for name in ("Up", "1")] == [1, None]


def test_names_that_are_numbers_and_names_in_two_cases_stand_for_themselves() -> None:
    assert numbers_by_name(["1", "0"]).get("1") == 0
    assert numbers_by_name(["3", "2", "1"]).get("2") == 1
    numbers = numbers_by_name(["up", "Up"])
    assert [numbers.get(name) for name in ("up", "Up", "UP")] == [0, 1, None]


def test_the_usual_kind_is_that_of_most_labels() -> None:
    assert usual_kind(["a", "b", 1, None]) == "a text"
    assert usual_kind([[], ["a"], "b"]) == "a list"
    assert usual_kind([None, ""]) is None
