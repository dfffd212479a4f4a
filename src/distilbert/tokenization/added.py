"""Added tokens: finding them in raw text before any other processing.

Knows nothing of words and pieces: it splits a text into segments of plain text and added tokens.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from tokenizers import AddedToken


class Segment(NamedTuple):
    """Characters `start` to `end`: those of the added token `token`, or plain text if that is None.

    `token` is the text that was looked for.
    """

    start: int
    end: int
    token: str | None


class AddedTokens:
    """Finds added tokens from left to right, the longest one at each place.

    Args:
        tokens: by the text to look for; the empty text is never found.
    """

    def __init__(self, tokens: Mapping[str, AddedToken]) -> None:
        self._tokens = {text: token for text, token in tokens.items() if text}
        self._pattern = pattern_of(sorted(self._tokens, key=len, reverse=True))

    def __bool__(self) -> bool:
        return self._pattern is not None

    def split(self, text: str) -> list[Segment]:
        """The segments of `text`, left to right; empty ones are left out."""
        if self._pattern is None or not self._pattern.search(text):
            return [Segment(0, len(text), None)]
        segments: list[Segment] = []
        begin = 0
        for match in self._pattern.finditer(text):
            segments.append(Segment(begin, match.start(), None))
            segments.append(Segment(match.start(), match.end(), match.group()))
            begin = match.end()
        segments.append(Segment(begin, len(text), None))
        segments = [segment for segment in segments if segment.start < segment.end]
        for index in range(len(segments)):
            self._apply_options(text, segments, index)
        return [self._named(text, segment) for segment in segments if segment.start < segment.end]

    def _named(self, text: str, segment: Segment) -> Segment:
        """The segment, marked as a token if stripping left exactly the text of one.

        This restores a `single_word` token that was taken for part of a word.
        """
        start, end, token = segment
        if token is None and text[start:end] in self._tokens:
            token = text[start:end]
        return Segment(start, end, token)

    def _apply_options(self, text: str, segments: list[Segment], index: int) -> None:
        """Extend the token at `index` over the space around it, or drop it inside a word."""
        start, end, content = segments[index]
        if content is None:
            return
        token = self._tokens[content]
        left = segments[index - 1] if index > 0 else Segment(start, start, None)
        right = segments[index + 1] if index + 1 < len(segments) else Segment(end, end, None)
        before, after = text[left.start : left.end], text[right.start : right.end]
        left_end, right_start = left.end, right.start
        if token.lstrip and left.token is None:
            left_end -= len(before) - len(before.rstrip())
        if token.rstrip and right.token is None:
            right_start += len(after) - len(after.lstrip())
        # As in the reference, only a space counts: next to a tab the token is dropped too.
        if token.single_word and before and before[-1] != " ":
            begin = left.start if left.start < left_end else start
            segments[index - 1 : index + 1] = [Segment(begin, end, None), Segment(end, end, None)]
        elif token.single_word and after and after[0] != " ":
            finish = right.end if right_start < right.end else end
            segments[index : index + 2] = [Segment(end, end, None), Segment(start, finish, None)]
        else:
            segments[index] = Segment(left_end, right_start, content)
            if index > 0:
                segments[index - 1] = left._replace(end=left_end)
            if index + 1 < len(segments):
                segments[index + 1] = right._replace(start=right_start)


def pattern_of(contents: Iterable[str]) -> re.Pattern[str] | None:
    """A pattern with one group that matches the first of `contents` that fits, or None."""
    choices = "|".join(re.escape(content) for content in contents if content)
    return re.compile(f"({choices})") if choices else None
