"""Which tokens stay when one or two sequences are too long: the page's rules, on lengths alone.

Two rule sets live here because the reference has two: `cut_slow` (the Python tokenizer and
`truncate_sequences`) and `rooms_fast` (the Rust tokenizer). They differ on ties and on overflow.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from distilbert.errors import InputError
from distilbert.tokenization import template
from distilbert.tokenization.call_options import CallOptions, Truncation

logger = logging.getLogger(__name__)


class Cut(NamedTuple):
    """The part of each sequence that stays, and the removed part (with `stride` neighbours)."""

    first: slice
    second: slice
    overflow: slice | None = None
    overflow_of: int = 0  # the sequence that `overflow` belongs to: 0 first, 1 second


EVERYTHING = Cut(slice(None), slice(None))


def n_excess(n_first: int, n_second: int | None, options: CallOptions) -> int:
    """How far a row is over `max_length`: negative when there is room, 0 when there is no limit."""
    if options.max_length is None:
        return 0
    added = template.n_special(pair=n_second is not None) if options.add_special_tokens else 0
    return n_first + (n_second or 0) + added - options.max_length


def cut_slow(
    n_first: int,
    n_second: int | None,
    n_remove: int,
    *,
    strategy: Truncation | None,
    stride: int,
    side: str,
) -> Cut:
    """How the Python tokenizer removes `n_remove` tokens; `n_second` is None without a pair.

    A strategy that cannot remove enough removes nothing and says so in the log, as the reference.
    """
    if n_remove <= 0 or strategy is None:
        return EVERYTHING
    if strategy == "longest_first" and n_second is not None:
        from_first, from_second = _share(n_first, n_second, n_remove)
        return Cut(_keep(n_first, from_first, side), _keep(n_second, from_second, side))
    target = 1 if strategy == "only_second" else 0
    length = n_second if target else n_first
    if length is None:  # `only_second` without a second text has nothing to cut
        return EVERYTHING
    if length <= n_remove:
        which = "second" if target else "first"
        logger.error(
            "Truncation `%s` must remove %d tokens but the %s text has only %d, so nothing was "
            "removed; choose another `truncation` or a larger `max_length`.",
            *(strategy, n_remove, which, length),
        )
        return EVERYTHING
    kept = _keep(length, n_remove, side)
    window = min(length, n_remove + stride)
    overflow = slice(0, window) if side == "left" else slice(length - window, length)
    if target:
        return Cut(slice(None), kept, overflow, 1)
    return Cut(kept, slice(None), overflow, 0)


def rooms_fast(n_first: int, n_second: int | None, options: CallOptions) -> tuple[int, int]:
    """How many tokens of each text the Rust tokenizer keeps; `n_second` is None without a pair.

    Raises:
        InputError: the strategy cannot remove enough, or `stride` leaves no new token per window.
    """
    n_pair = n_second or 0
    excess = n_excess(n_first, n_second, options)
    if excess <= 0:
        return n_first, n_pair
    room = n_first + n_pair - excess
    if room == 0:  # whatever the strategy: special tokens alone
        return 0, 0
    if options.truncation == "only_first":
        return _shorten(n_first, excess, "only_first"), n_pair
    if n_second is None and options.truncation == "only_second":
        raise InputError(
            "`truncation='only_second'` needs a second text: got one text that is too long. "
            "Use `truncation=True`."
        )
    if options.truncation == "only_second":
        return n_first, _shorten(n_pair, excess, "only_second")
    if room < 0:
        raise InputError(
            f"`max_length` must leave room for the special tokens: got {options.max_length}. "
            f"Use at least {(options.max_length or 0) - room}."
        )
    return (room, 0) if n_second is None else _balance(n_first, n_second, room)


def refuse_long_stride(options: CallOptions) -> None:
    """As the Rust tokenizer: a stride that no window of one text could hold is an error at once."""
    room = (options.max_length or 0) - template.N_SPECIAL_SINGLE
    if room < options.stride:
        raise _stride_error(room, options.stride)


def window_spans(length: int, capacity: int, overlap: int) -> list[tuple[int, int]]:
    """Cover `length` tokens with spans of at most `capacity`, each sharing `overlap` with the last.

    A span is (start, stop). A text that fits, or is empty, is one span.

    Raises:
        InputError: `overlap` leaves no new token in a span, or there is no capacity at all.
    """
    if length <= capacity:
        return [(0, length)]
    if capacity <= overlap:
        raise _stride_error(capacity, overlap)
    starts = range(0, length - overlap, capacity - overlap)
    return [(start, min(start + capacity, length)) for start in starts]


def windows(length: int, room: int, stride: int, *, side: str = "right") -> list[slice]:
    """The spans of a text as slices; the first one is what truncation on `side` keeps.

    No capacity gives an empty slice and the full text, as in the Rust tokenizer.
    """
    if room <= 0 and room < length:
        return [slice(0, 0), slice(0, length)]
    spans = window_spans(length, room, stride)
    if side == "left":
        spans = [(length - stop, length - start) for start, stop in spans]
    return [slice(start, stop) for start, stop in spans]


def _share(n_first: int, n_second: int, n_remove: int) -> tuple[int, int]:
    """How many tokens the slow longest_first takes from each: first the longer's surplus."""
    surplus = min(abs(n_first - n_second), n_remove)
    half, rest = divmod(n_remove - surplus, 2)
    if n_first > n_second:
        return surplus + half, half + rest
    return half, surplus + half + rest


def _keep(length: int, n_remove: int, side: str) -> slice:
    if side == "left":
        return slice(min(n_remove, length), length)
    return slice(0, max(length - n_remove, 0))


def _balance(n_first: int, n_second: int, room: int) -> tuple[int, int]:
    """The Rust longest_first: the shorter is cut only below half; a tie favours the second."""
    shorter, longer = sorted((n_first, n_second))
    if shorter > room // 2:
        shorter, longer = room // 2, room - room // 2
    else:
        longer = room - shorter
    return (longer, shorter) if n_first > n_second else (shorter, longer)


def _shorten(length: int, n_remove: int, strategy: str) -> int:
    if length > n_remove:
        return length - n_remove
    raise InputError(
        f"`truncation={strategy!r}` must remove {n_remove} tokens, but that text has only "
        f"{length}. Use `truncation=True` or a larger `max_length`."
    )


def _stride_error(room: int, stride: int) -> InputError:
    return InputError(
        f"`stride` must be smaller than the text a window holds: got stride={stride} for windows "
        f"of {room} tokens. Use a smaller `stride` or a larger `max_length`."
    )
