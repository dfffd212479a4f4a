"""What callers may pass: one example, a list of examples, or any iterable of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distilbert.errors import InputError


def as_stream(inputs: Any, task: str) -> Iterable[Any]:
    """`inputs` as something to iterate over.

    Raises:
        InputError: it is neither one example nor a collection of them.
    """
    if isinstance(inputs, (bytes, bytearray)) or not hasattr(inputs, "__iter__"):
        # A map-style dataset has no __iter__, but can be indexed.
        if not isinstance(inputs, (bytes, bytearray)) and hasattr(inputs, "__getitem__"):
            return (inputs[i] for i in range(len(inputs)))
        raise InputError(
            f"`{task}` takes a text, a dict, or a list, generator or dataset of them: "
            f"got {type(inputs).__name__}."
        )
    return inputs


def read_text(item: Any, task: str, keys: Sequence[str] = ("text",)) -> str:
    """The text of `item`: itself, or the value at the first of `keys` that a row has.

    Raises:
        InputError: it is neither a text nor a row with such a key.
    """
    value = item
    if isinstance(item, Mapping):
        present = [key for key in keys if key in item]
        if not present:
            wanted = " or ".join(f"`{key}`" for key in keys)
            raise InputError(f"A row for `{task}` needs the key {wanted}: got {_keys(item)}.")
        value = item[present[0]]
    if not isinstance(value, str):
        raise InputError(
            f"`{task}` takes texts: got {type(value).__name__} {_short(value)}, pass a str."
        )
    return value


def read_words(item: Any, task: str) -> tuple[str, ...]:
    """The words of a text that is already split, from a sequence or a row with `tokens`/`words`.

    Raises:
        InputError: it is not a sequence of strings.
    """
    value = item
    if isinstance(item, Mapping):
        value = item.get("tokens", item.get("words"))
    listed = isinstance(value, (list, tuple))
    if not listed or not all(isinstance(word, str) for word in value):
        raise InputError(
            f"`{task}` with `is_split_into_words` takes a list of words, or a row with `tokens`: "
            f"got {type(item).__name__} {_short(item)}."
        )
    return tuple(value)


def _keys(row: Mapping[Any, Any]) -> str:
    return ", ".join(repr(key) for key in row) or "an empty row"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
