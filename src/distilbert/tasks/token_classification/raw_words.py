"""The words of raw text, as annotated corpora divide it: "U.S.", "O'Brien" and "AT&T" are one word.

Tokenizers divide at every punctuation mark. A tag belongs to a complete word, and an entity that
ends inside one, such as "John C" of "John C.", is wrong.
"""

from __future__ import annotations

import numpy as np

from distilbert.tasks.windows import word_starts
from distilbert.tokenization.encoding import LocatedTokens

# Marks that hold the letters and digits on both sides together.
JOINING = frozenset("-‐‑'’.&_@")
JOINING_DIGITS = frozenset(",:/")
# Marks that begin a word: @name, #topic.
BEGINNING = frozenset("@#")
APOSTROPHES = frozenset("'’")
# What treebanks separate from the word before the apostrophe.
CLITICS = frozenset(("s", "re", "ve", "ll", "d", "m"))
# Abbreviations in names, which keep their full stop; so does a single letter.
_TITLES = "mr mrs ms dr prof st jr sr gov gen col sen rep lt sgt rev capt"
ABBREVIATIONS = frozenset(f"{_TITLES} inc corp co ltd bros".split())


def join_words(text: str, tokens: LocatedTokens) -> LocatedTokens:
    """The tokens of a raw text with the parts of a word under one number, counted from 0."""
    starts = word_starts(tokens.words)
    if len(starts) < 2:
        return tokens
    counts = np.diff([*starts, len(tokens.ids)])
    begins, ends = tokens.offsets[starts, 0], tokens.offsets[starts + counts - 1, 1]
    parts = [text[a:b].lower() for a, b in zip(begins.tolist(), ends.tolist(), strict=True)]
    touches = [False, *(begins[1:] == ends[:-1]).tolist(), False]
    joined = [False] * len(parts)
    for i in range(1, len(parts)):
        if touches[i]:
            after = parts[i + 1] if touches[i + 1] else ""
            joined[i] = _continues(parts[i - 1], parts[i], after, is_joined=joined[i - 1])
    numbers = np.cumsum(np.logical_not(joined)) - 1
    return tokens._replace(words=np.repeat(numbers, counts))


def _continues(before: str, part: str, after: str, *, is_joined: bool) -> bool:
    """Whether `part` belongs to the word of the part before it, which `is_joined` to another."""
    if part.isalnum():
        if before in APOSTROPHES:
            return is_joined or part in CLITICS
        return (is_joined and not before.isalnum()) or before in BEGINNING
    if not before.isalnum():
        return False
    if part == "." and (before in ABBREVIATIONS or (len(before) == 1 and before.isalpha())):
        return True
    if part in JOINING_DIGITS:
        return before.isdigit() and after.isdigit()
    return part in JOINING and after.isalnum() and not (part in APOSTROPHES and after in CLITICS)
