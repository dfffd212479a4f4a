"""Characters: cleaning, lower case, composition and accents, each with its alignment."""

from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given, strategies as st

from distilbert.tokenization import normalize

# Letters with marks of several combining classes, jamo, and marks that compose backwards.
MARKED = st.text(
    st.sampled_from(
        "aeoU한각\u1112\u1161\u11abسе\u0301\u0308\u0327\u0323\u0345\u064e\u0651\u09c7\u09beé"
    ),
    max_size=12,
)


@pytest.mark.parametrize(
    ("char", "cleaned"),
    [
        *[(char, " ") for char in " \t\n\r\u00a0\u2003\u3000"],
        *[(char, "") for char in "\x00\x0b\x1f\x7f\x85\u200b\u00ad\ue000\ufffd\ufeff"],
        *[(char, char) for char in "aÉ\u0301か한\u2028\u2029!"],
        *[(char, char) for char in "中"],
    ],
)
def test_control_characters_vanish_and_white_space_becomes_a_space(char: str, cleaned: str) -> None:
    assert char.translate(normalize.CLEAN) == cleaned


@pytest.mark.parametrize("char", "一鿿㐀豈\U00020000\U0002a700\U0002b740\U0002b820\U0002f800")
def test_ideographs_stand_alone(char: str) -> None:
    assert char.translate(normalize.CLEAN_AND_ISOLATE) == f" {char} "


@pytest.mark.parametrize("char", "かカ한가a、")
def test_kana_and_hangul_do_not_stand_alone(char: str) -> None:
    assert char.translate(normalize.CLEAN_AND_ISOLATE) == char


def test_an_unassigned_ideograph_vanishes() -> None:
    assert "\ufa6e".translate(normalize.CLEAN_AND_ISOLATE) == ""


@given(st.text())
def test_lower_case_is_that_of_each_character(text: str) -> None:
    lowered = normalize.lower(text)
    assert lowered == "".join(char.lower() for char in text)
    origins = normalize.lower_origins(text, lowered)
    assert [text[index].lower()[0] for index in origins if text[index] != "İ"] == [
        lowered[place] for place, index in enumerate(origins) if text[index] != "İ"
    ]


def test_a_final_sigma_is_not_special() -> None:
    assert normalize.lower("ΟΔΟΣ") == "οδοσ"


def test_lower_case_in_place_keeps_the_length() -> None:
    assert normalize.lower_in_place("İA") == "ia"


@given(st.text())
def test_cleaned_characters_know_their_origin(text: str) -> None:
    cleaned = text.translate(normalize.CLEAN_AND_ISOLATE)
    origins = normalize.clean_origins(text, cleaned, normalize.CLEAN_AND_ISOLATE)
    assert len(origins) == len(cleaned)
    for char, origin in zip(cleaned, origins, strict=True):
        assert char == " " or char == text[origin]


@given(st.one_of(st.text(max_size=12), MARKED))
def test_composition_is_nfc_and_covers_the_text(text: str) -> None:
    composed = normalize.compose(text)
    assert composed.text == unicodedata.normalize("NFC", text)
    spans = map(range, composed.starts, composed.ends)
    covered = {index for span in spans for index in span}
    assert covered == set(range(len(text)))
    assert list(composed.ends) == sorted(composed.ends)


@given(st.one_of(st.text(max_size=12), MARKED))
def test_stripping_is_nfd_without_marks_also_of_the_composed_text(text: str) -> None:
    stripped = normalize.strip_accents(text)
    for form in (text, unicodedata.normalize("NFC", text)):
        parts = unicodedata.normalize("NFD", form)
        assert stripped.text == "".join(c for c in parts if unicodedata.category(c) != "Mn")
    assert list(stripped.starts) == sorted(stripped.starts)
    assert list(stripped.ends) == [start + 1 for start in stripped.starts]


def test_a_letter_composed_of_two_covers_both() -> None:
    assert normalize.compose("xe\u0301y") == ("xéy", [0, 1, 3], [1, 3, 4])


@pytest.mark.parametrize(("char", "expected"), [*[(c, True) for c in "!$+<^`~“。¿"], ("€", False)])
def test_ascii_symbols_count_as_punctuation(char: str, expected: bool) -> None:
    assert normalize.PUNCTUATION[char] is expected


def test_the_time_of_composing_grows_with_the_length_only() -> None:
    text = "e\u0301" * 200_000
    begin = time.process_time()
    assert len(normalize.compose(text).text) == 200_000
    assert time.process_time() - begin < 5  # in the square of the length, it would take minutes
