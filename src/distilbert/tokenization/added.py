"""Added tokens: finding them in raw text before any other processing.

Knows nothing of words and pieces: it cuts a text into stretches of plain text and added tokens.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, Protocol


class AddedTokenLike(Protocol):
    """What `tokenizers.AddedToken` tells about a token."""

    @property
    def content(self) -> str: ...
    @property
    def special(self) -> bool: ...
    @property
    def normalized(self) -> bool: ...
    @property
    def single_word(self) -> bool: ...
    @property
    def lstrip(self) -> bool: ...
    @property
    def rstrip(self) -> bool: ...


class Stretch(NamedTuple):
    """Characters `start` to `end`: the added token `token`, or plain text when that is None."""

    start: int
    end: int
    token: str | None


class AddedTokens:
    """Finds the longest added token at the leftmost place, again and again."""

    def __init__(self, tokens: Collection[AddedTokenLike]) -> None:
        self._tokens = {token.content: token for token in tokens if token.content}
        self._pattern = pattern_of(sorted(self._tokens, key=len, reverse=True))

    def split(self, text: str) -> list[Stretch]:
        """The stretches of `text`, left to right; empty ones are left out."""
        if self._pattern is None or not self._pattern.search(text):
            return [Stretch(0, len(text), None)]
        stretches: list[Stretch] = []
        begin = 0
        for match in self._pattern.finditer(text):
            stretches.append(Stretch(begin, match.start(), None))
            stretches.append(Stretch(match.start(), match.end(), match.group()))
            begin = match.end()
        stretches.append(Stretch(begin, len(text), None))
        stretches = [stretch for stretch in stretches if stretch.start < stretch.end]
        for index in range(len(stretches)):
            self._apply_options(text, stretches, index)
        return [stretch for stretch in stretches if stretch.start < stretch.end]

    def _apply_options(self, text: str, stretches: list[Stretch], index: int) -> None:
        """Let the added token at `index` take the space around it, or give up inside a word."""
        start, end, content = stretches[index]
        if content is None:
            return
        token = self._tokens[content]
        nothing = Stretch(0, 0, None)
        left = stretches[index - 1] if index > 0 else nothing
        right = stretches[index + 1] if index + 1 < len(stretches) else nothing
        left_text, right_text = text[left.start : left.end], text[right.start : right.end]
        if token.single_word and left_text and left_text[-1] != " ":
            stretches[index - 1] = Stretch(left.start, end, None)
            stretches[index] = nothing
            return
        if token.single_word and right_text and right_text[0] != " ":
            stretches[index + 1] = Stretch(start, right.end, None)
            stretches[index] = nothing
            return
        if token.rstrip and right.token is None and right_text:
            end += len(right_text) - len(right_text.lstrip())
            stretches[index + 1] = Stretch(end, right.end, None)
        if token.lstrip and left.token is None and left_text:
            start -= len(left_text) - len(left_text.rstrip())
            stretches[index - 1] = Stretch(left.start, start, None)
        stretches[index] = Stretch(start, end, content)


def pattern_of(contents: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern with one group that matches the first of `contents` that fits, or None."""
    choices = "|".join(re.escape(content) for content in contents if content)
    return re.compile(f"({choices})") if choices else None


def ids_by_content(added_tokens: Mapping[int, AddedTokenLike]) -> dict[str, int]:
    """Token text to id."""
    return {token.content: index for index, token in added_tokens.items()}
