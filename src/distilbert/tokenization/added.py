"""Added tokens: finding them in raw text before any other processing.

Knows nothing of words and pieces: it cuts a text into stretches of plain text and added tokens.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import NamedTuple

from tokenizers import AddedToken


class Stretch(NamedTuple):
    """Characters `start` to `end`: the added token `token`, or plain text when that is None."""

    start: int
    end: int
    token: str | None


class AddedTokens:
    """Finds the longest added token at the leftmost place, again and again."""

    def __init__(self, tokens: Collection[AddedToken]) -> None:
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
        return [self._named(text, stretch) for stretch in stretches if stretch.start < stretch.end]

    def _named(self, text: str, stretch: Stretch) -> Stretch:
        """A token that gave up inside a word is one after all if the rest was stripped away."""
        start, end, token = stretch
        if token is None and text[start:end] in self._tokens:
            token = text[start:end]
        return Stretch(start, end, token)

    def _apply_options(self, text: str, stretches: list[Stretch], index: int) -> None:
        """Let the added token at `index` take the space around it, or give up inside a word."""
        start, end, content = stretches[index]
        if content is None:
            return
        token = self._tokens[content]
        left = stretches[index - 1] if index > 0 else Stretch(start, start, None)
        right = stretches[index + 1] if index + 1 < len(stretches) else Stretch(end, end, None)
        before, after = text[left.start : left.end], text[right.start : right.end]
        left_end, right_start = left.end, right.start
        if token.lstrip and left.token is None:
            left_end -= len(before) - len(before.rstrip())
        if token.rstrip and right.token is None:
            right_start += len(after) - len(after.lstrip())
        # The reference asks for a space here: beside a tab or a line end the token gives up too.
        if token.single_word and before and before[-1] != " ":
            begin = left.start if left.start < left_end else start
            stretches[index - 1 : index + 1] = [Stretch(begin, end, None), Stretch(end, end, None)]
        elif token.single_word and after and after[0] != " ":
            finish = right.end if right_start < right.end else end
            stretches[index : index + 2] = [Stretch(end, end, None), Stretch(start, finish, None)]
        else:
            stretches[index] = Stretch(left_end, right_start, content)
            if index > 0:
                stretches[index - 1] = left._replace(end=left_end)
            if index + 1 < len(stretches):
                stretches[index + 1] = right._replace(start=right_start)


def pattern_of(contents: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern with one group that matches the first of `contents` that fits, or None."""
    choices = "|".join(re.escape(content) for content in contents if content)
    return re.compile(f"({choices})") if choices else None
