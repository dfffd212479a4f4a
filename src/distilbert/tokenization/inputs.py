"""The text of a call: one example or a batch, single texts or pairs, split into words or not.

Checks every item once, so that the engines can rely on their input.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from distilbert.errors import InputError
from distilbert.surrogates import without_surrogates

# One text: a string, or a list of words when the caller has split it already.
Text = str | Sequence[str]
Result = TypeVar("Result")


class Examples(NamedTuple):
    """The texts of a call in columns; `second` is None when no example is a pair."""

    first: list[Text]
    second: list[Text | None] | None
    is_batch: bool

    def map(
        self, function: Callable[[list[Text]], Sequence[Result]]
    ) -> list[tuple[Result, Result | None]]:
        """What `function`, called once with all texts, returns for the texts of each example."""
        if self.second is None:
            return [(result, None) for result in function(self.first)]
        others = [text for text in self.second if text is not None]
        results = iter(function([*self.first, *others]))
        first = list(islice(results, len(self.first)))
        second = [None if text is None else next(results) for text in self.second]
        return list(zip(first, second, strict=True))


class CallTypeError(InputError, TypeError):
    """A call has a keyword that does not exist, or an argument of the wrong kind."""


def read_texts(text: Any, text_pair: Any, *, split: bool) -> Examples:
    """The examples that `tokenizer(text, text_pair)` means.

    Raises:
        InputError: neither strings nor lists of strings, or two batches of different lengths.
        CallTypeError: a batch with a plain string as `text_pair`.
    """
    if not _is_batch(text, split):
        return read_example(text, text_pair, split=split)
    if text_pair is None:
        return read_batch(text, split=split)
    if isinstance(text_pair, str):
        raise CallTypeError(
            "`text_pair` of a batch must be a list as long as `text`: got one string. "
            "Pass a list with one second text per example."
        )
    if not isinstance(text_pair, list | tuple) or len(text_pair) != len(text):
        size = len(text_pair) if isinstance(text_pair, list | tuple) else repr(text_pair)
        raise InputError(
            "`text_pair` of a batch must be a list as long as `text`: "
            f"got {size} second texts for {len(text)} first texts."
        )
    first = [_check(item, "text", split) for item in text]
    return Examples(first, [_check(item, "text_pair", split) for item in text_pair], is_batch=True)


def read_example(text: Any, text_pair: Any, *, split: bool) -> Examples:
    """One example, as `encode_plus` takes it."""
    second: list[Text | None] | None = None
    if text_pair is not None:
        second = [_check(text_pair, "text_pair", split)]
    return Examples([_check(text, "text", split)], second, is_batch=False)


def read_batch(items: Any, *, split: bool) -> Examples:
    """A list of texts and of (text, text_pair) pairs, as `batch_encode_plus` takes it."""
    if not isinstance(items, list | tuple):
        raise InputError(
            f"A batch must be a list of texts or of pairs: got {type(items).__name__}."
        )
    first: list[Text] = []
    second: list[Text | None] = []
    for item in items:
        if _is_pair(item, split):
            first.append(_check(item[0], "text", split))
            second.append(_check(item[1], "text_pair", split))
        else:
            first.append(_check(item, "text", split))
            second.append(None)
    has_pairs = any(text is not None for text in second)
    return Examples(first, second if has_pairs else None, is_batch=True)


def read_list(texts: Sequence[Any], *, split: bool) -> list[Text]:
    """A list of single texts, none of them a pair."""
    return [_check(text, "texts", split) for text in texts]


def _is_batch(text: Any, split: bool) -> bool:
    if not isinstance(text, list | tuple):
        return False
    return not split or (len(text) > 0 and isinstance(text[0], list | tuple))


def _is_pair(item: Any, split: bool) -> bool:
    if not isinstance(item, list | tuple) or len(item) != 2:
        return False
    return not split or isinstance(item[0], list | tuple)


def _check(text: Any, name: str, split: bool) -> Text:
    """`text`, if it is a string, or with `split` a list of words; without lone surrogates."""
    if not split and isinstance(text, str):
        return without_surrogates(text)
    if split and isinstance(text, list | tuple) and all(isinstance(word, str) for word in text):
        return without_surrogates(text)
    value = repr(text)
    got = f"{type(text).__name__} {value if len(value) <= 60 else value[:57] + '...'}"
    if split:
        raise InputError(
            f"`{name}` with `is_split_into_words=True` must be a list of words, or a list of such "
            f"lists: got {got}."
        )
    raise InputError(
        f"`{name}` must be a string, a list of strings or a list of pairs of strings: got {got}. "
        "For words split already pass `is_split_into_words=True`."
    )
