"""A bounded memory of a function's results, as fast to read as a dictionary.

Knows nothing of text. One memo may be shared by many threads: each step below is a single
dictionary operation, and losing a result only means computing it again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")


class Memo(dict[Key, Result]):
    """`memo[key]` is `function(key)`, remembered for at most `limit` keys that `worth` accepts."""

    def __init__(
        self,
        function: Callable[[Key], Result],
        *,
        limit: int,
        worth: Callable[[Key], bool] = lambda key: True,
    ) -> None:
        super().__init__()
        self._function = function
        self._limit = limit
        self._worth = worth

    def __missing__(self, key: Key) -> Result:
        result = self._function(key)
        if self._worth(key):
            if len(self) >= self._limit:
                self.clear()  # frequent keys come back at once, and nothing has to be counted
            self[key] = result
        return result
