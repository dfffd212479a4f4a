"""What callers may pass: one example, a list of examples, or any iterable of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from distilbert.errors import InputError
from distilbert.tasks.columns import is_list, read_list

# Keys of a row for a list of words.
WORDS = ("tokens", "words")


def is_collection(inputs: Any) -> bool:
    """Whether `inputs` holds all examples already: a list, a tuple, an array, a pandas Series."""
    has_lists = any(hasattr(inputs, name) for name in ("tolist", "to_list", "to_pylist"))
    return isinstance(inputs, Sequence) or (has_lists and not _is_scalar(inputs))


def as_stream(inputs: Any, task: str) -> Iterable[Any]:
    """`inputs` as something to iterate over.

    Raises:
        InputError: it is neither one example nor a collection of them, or it is a table, whose
            columns would be taken for texts.
    """
    is_arrow = type(inputs).__module__.startswith("pyarrow")
    attribute = "column_names" if is_arrow else "columns"
    columns = list(inputs) if isinstance(inputs, Mapping) else getattr(inputs, attribute, None)
    if columns is not None:
        names = [str(name) for name in columns] or [""]
        raise InputError(
            f"`{task}` takes the texts of one column, such as table[{names[0]!r}]: "
            f"got a {type(inputs).__name__} with the columns {', '.join(names)}."
        )
    as_texts = getattr(inputs, "to_pylist", None)
    if is_arrow and as_texts is not None:
        return as_texts()  # the items of the column are scalars of Arrow
    is_one = isinstance(inputs, (bytes, bytearray)) or _is_scalar(inputs)
    if not is_one and hasattr(inputs, "__iter__"):
        return inputs
    # A map-style dataset has no __iter__, but can be indexed.
    if not is_one and hasattr(inputs, "__getitem__") and hasattr(inputs, "__len__"):
        return (inputs[i] for i in range(len(inputs)))
    raise InputError(
        f"`{task}` takes a text, a dict, or a list, generator or dataset of them: "
        f"got {type(inputs).__name__}."
    )


def _is_scalar(value: Any) -> bool:
    """Whether a value is a number of NumPy, or an array or tensor without axes."""
    return getattr(value, "ndim", 1) == 0


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
        if not isinstance(value, str) and is_collection(value):
            raise InputError(
                f"A row for `{task}` has one text under {present[0]!r}: got {len(value)} values. "
                f"Of a table, pass the column itself: table[{present[0]!r}]."
            )
    if not isinstance(value, str):
        raise InputError(
            f"`{task}` takes texts: got {type(value).__name__} {_short(value)}, pass a str."
        )
    return str(value)  # of a NumPy text too


def check_keys(row: Mapping[Any, Any], task: str, fields: Sequence[str]) -> None:
    """Raise InputError for a key that differs from a field of the task only in how it is written.

    Other columns are left alone.
    """
    for key in row:
        name = str(key).strip().lower().replace("-", "_").replace(" ", "_")
        if key not in fields and name in fields and name not in row:
            raise InputError(f"A row for `{task}` has the key {name!r}: got {key!r}.")


def read_words(item: Any, task: str) -> tuple[str, ...]:
    """The words of a text that is already split, from a sequence or a row with `tokens`/`words`.

    Raises:
        InputError: it is not a sequence of strings.
    """
    value = item
    if isinstance(item, Mapping):
        value = words_in(item)
    if not is_list(value) or not all(isinstance(word, str) for word in value):
        raise InputError(
            f"`{task}` with `is_split_into_words` takes a list of words, or a row with `tokens`: "
            f"got {type(item).__name__} {_short(item)}."
        )
    return tuple(map(str, value))


def words_in(row: Mapping[Any, Any]) -> Sequence[Any] | None:
    """The list of words of a row, which a table may hold as the text of a list; None without."""
    lists = (read_list(row.get(key)) for key in WORDS)
    return next((words for words in lists if words is not None), None)


def _keys(row: Mapping[Any, Any]) -> str:
    return ", ".join(repr(key) for key in row) or "an empty row"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
