"""Lone surrogates are replaced one for one, so that every offset stays right."""

from __future__ import annotations

from distilbert.surrogates import without_surrogates


def test_a_lone_surrogate_is_replaced_and_lengths_stay() -> None:
    assert without_surrogates("good \ud83d film") == "good \ufffd film"
    assert without_surrogates("\udc00\ud800é") == "\ufffd\ufffdé"


def test_values_without_surrogates_are_returned_themselves() -> None:
    row = {"text": "gööd 😀", "words": ["a", "é"], "label": 1, "pair": ("a", None)}
    assert without_surrogates(row) is row
    assert without_surrogates(None) is None


def test_strings_inside_of_lists_tuples_and_dicts_are_found() -> None:
    row = {"words": ["a", "\ud83d"], "pair": ("b", "\ud83d"), "deep": [{"\ud83d": 1}], "n": 1.5}
    assert without_surrogates(row) == {
        "words": ["a", "\ufffd"],
        "pair": ["b", "\ufffd"],
        "deep": [{"\ufffd": 1}],
        "n": 1.5,
    }
