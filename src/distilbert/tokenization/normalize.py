"""Characters: what the basic tokenizer drops, spaces, lower-cases, composes and strips.

Every change of length comes with an alignment to the characters before it. Knows nothing of
vocabularies and of added tokens.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from distilbert.tokenization.memo import Memo

CHARACTER_LIMIT = 1 << 16  # more distinct characters than any real text holds

# The CJK blocks that BERT isolates; kana and hangul are not among them.
IDEOGRAPHS = (
    range(0x4E00, 0xA000),
    range(0x3400, 0x4DC0),
    range(0x20000, 0x2A6E0),
    range(0x2A700, 0x2B740),
    range(0x2B740, 0x2B820),
    range(0x2B820, 0x2CEB0),
    range(0xF900, 0xFB00),
    range(0x2F800, 0x2FA20),
)
ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


class Aligned(NamedTuple):
    """A text whose character `i` came from characters `starts[i]` to `ends[i]` of another."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def unchanged(text: str) -> Aligned:
    """`text` aligned with itself."""
    return Aligned(text, range(len(text)), range(1, len(text) + 1))


def _clean(code: int) -> str:
    char = chr(code)
    if char in "\t\n\r":
        return " "
    category = unicodedata.category(char)
    if category == "Zs":
        return " "
    return "" if category[0] == "C" or char == "\ufffd" else char


def _clean_and_isolate(code: int) -> str:
    cleaned = _clean(code)
    if cleaned and any(code in block for block in IDEOGRAPHS):
        return f" {cleaned} "
    return cleaned


# Tables for `str.translate`: control characters vanish, white space becomes a space, and in the
# second table each ideograph is a word.
CLEAN = Memo(_clean, limit=CHARACTER_LIMIT)
CLEAN_AND_ISOLATE = Memo(_clean_and_isolate, limit=CHARACTER_LIMIT)


def _is_punctuation(char: str) -> bool:
    return char in ASCII_PUNCTUATION or unicodedata.category(char)[0] == "P"


PUNCTUATION = Memo(_is_punctuation, limit=CHARACTER_LIMIT)


def clean_origins(text: str, cleaned: str, table: Memo[int, str]) -> Sequence[int]:
    """For each character of `cleaned`, that is `text.translate(table)`, its index in `text`."""
    if text.isascii() and len(text) == len(cleaned):  # in ASCII nothing grows, so nothing moved
        return range(len(text))
    return [index for index, char in enumerate(text) for _ in table[ord(char)]]


def lower(text: str) -> str:
    """`text` in lower case, character by character.

    `str.lower` looks at the neighbours of one letter only: a capital sigma that ends a word.
    """
    return text.replace("Σ", "σ").lower()


def lower_in_place(text: str) -> str:
    """`text` in lower case, but for the one letter that would become two (dotted capital I)."""
    lowered = lower(text)
    return lowered if len(lowered) == len(text) else lower(text.replace("İ", "I"))


def lower_origins(text: str, lowered: str) -> Sequence[int]:
    """For each character of `lowered`, that is `lower(text)`, its index in `text`."""
    if len(text) == len(lowered):  # no letter shrinks, so none grew
        return range(len(text))
    return [index for index, char in enumerate(text) for _ in char.lower()]


def _decompose(text: str) -> list[tuple[str, int]]:
    """The characters of NFD(text), each with its index in `text`."""
    parts = [
        (part, index)
        for index, char in enumerate(text)
        for part in unicodedata.normalize("NFD", char)
    ]
    # Canonical order: the marks after a letter are sorted, stably, by combining class. Sorted marks
    # take the places of the unsorted ones in turn, so indices never run backwards.
    chars = [char for char, _ in parts]
    begin = 0
    for end in range(1, len(chars) + 1):
        if end == len(chars) or not unicodedata.combining(chars[end]):
            chars[begin:end] = sorted(chars[begin:end], key=unicodedata.combining)
            begin = end
    return [(char, index) for char, (_, index) in zip(chars, parts, strict=True)]


def compose(text: str) -> Aligned:
    """NFC: a letter and its accents become one character where Unicode has one."""
    if unicodedata.is_normalized("NFC", text):
        return unchanged(text)
    composed = unicodedata.normalize("NFC", text)
    parts = _decompose(text)
    taken = bytearray(len(parts))
    first = 0  # of the parts that no character has taken
    starts: list[int] = []
    ends: list[int] = []
    for char in composed:
        sources: list[int] = []
        for part in unicodedata.normalize("NFD", char):
            place = next(
                i for i in range(first, len(parts)) if not taken[i] and parts[i][0] == part
            )
            taken[place] = True
            sources.append(parts[place][1])
            while first < len(parts) and taken[first]:
                first += 1
        starts.append(min(sources))
        # A mark may be composed across an earlier one, which must still be within reach.
        ends.append(max([index + 1 for index in sources] + ends[-1:]))
    return Aligned(composed, starts, ends)


def strip_accents(text: str) -> Aligned:
    """NFD without non-spacing marks (category Mn)."""
    kept = [part for part in _decompose(text) if unicodedata.category(part[0]) != "Mn"]
    starts = [index for _, index in kept]
    return Aligned("".join(char for char, _ in kept), starts, [index + 1 for index in starts])
