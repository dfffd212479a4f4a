"""Added tokens in raw text: longest first, and the three options about their surroundings."""

from __future__ import annotations

from typing import Any

import pytest
from tokenizers import AddedToken

from distilbert.tokenization.added import AddedTokens


def split(text: str, *contents: str, **options: Any) -> list[tuple[str, bool]]:
    tokens = {content: AddedToken(content, **options) for content in contents}
    stretches = AddedTokens(tokens).split(text)
    return [(text[start:end], token is not None) for start, end, token in stretches]


def test_the_longest_token_wins_and_words_are_cut() -> None:
    assert split("a newtoks b", "new", "newtok") == [
        ("a ", False),
        ("newtok", True),
        ("s b", False),
    ]


def test_text_without_added_tokens_is_one_stretch() -> None:
    assert split("plain", "x") == [("plain", False)]
    assert split("plain") == [("plain", False)]


def test_neighbours_and_ends_leave_no_empty_stretch() -> None:
    assert split("xx", "x") == [("x", True), ("x", True)]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"lstrip": True}, [("a", False), (" \t[X]", True), ("\n b", False)]),
        ({"rstrip": True}, [("a \t", False), ("[X]\n ", True), ("b", False)]),
        ({"lstrip": True, "rstrip": True}, [("a", False), (" \t[X]\n ", True), ("b", False)]),
    ],
)
def test_a_token_takes_the_white_space_it_strips(
    options: dict[str, bool], expected: list[tuple[str, bool]]
) -> None:
    assert split("a \t[X]\n b", "[X]", **options) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a tok b", [("a ", False), ("tok", True), (" b", False)]),
        ("atok b", [("atok", False), (" b", False)]),
        ("a toks", [("a ", False), ("toks", False)]),
        ("tok", [("tok", True)]),
        # As in the reference, a tab is no space.
        ("a\ttok b", [("a\ttok", False), (" b", False)]),
    ],
)
def test_a_single_word_gives_up_inside_a_word(text: str, expected: list[tuple[str, bool]]) -> None:
    assert split(text, "tok", single_word=True) == expected


def test_a_single_word_that_strips_a_tab_beside_it_stays() -> None:
    assert split("\ttok", "tok", single_word=True, lstrip=True) == [("tok", True)]
    assert split("tok\t", "tok", single_word=True, rstrip=True) == [("tok", True)]


def test_white_space_between_words_is_not_lost_when_a_stripping_token_gives_up() -> None:
    # The reference joins `a` and `tok` to one word here, although a tab stands between them.
    stripping = {"single_word": True, "lstrip": True}
    assert split("a\ttok", "tok", **stripping) == [("a\ttok", False)]


def test_a_token_is_found_by_the_text_it_stands_under() -> None:
    tokens = AddedTokens({"covid": AddedToken("COVID"), "": AddedToken("nothing")})
    assert [segment.token for segment in tokens.split("a covid COVID")] == [None, "covid", None]
    assert tokens
    assert not AddedTokens({})
