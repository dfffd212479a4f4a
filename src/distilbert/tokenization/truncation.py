"""Which tokens stay when one or two sequences are too long: the page's rules, on lengths alone.

Two rule sets live here because the reference has two: `cut_slow` (the Python tokenizer and
`truncate_sequences`) and `rooms_fast` (the Rust tokenizer). They differ on ties and on overflow.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from distilbert.errors import InputError
from distilbert.tokenization.call_options import Truncation

logger = logging.getLogger(__name__)


class Cut(NamedTuple):
    """The part of each sequence that stays, and the removed part (with `stride` neighbours)."""

    first: slice
    second: slice
    overflow: slice | None = None
    overflow_of: int = 0  # the sequence that `overflow` belongs to: 0 first, 1 second


EVERYTHING = Cut(slice(None), slice(None))


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


def rooms_fast(
    n_first: int, n_second: int | None, room: int, *, strategy: Truncation, stride: int
) -> tuple[int, int | None]:
    """How many tokens of each sequence the Rust tokenizer keeps when both must fit into `room`.

    Raises:
        InputError: the strategy cannot remove enough, or `stride` leaves no new token per window.
    """
    n_remove = n_first + (n_second or 0) - room
    if n_remove <= 0:
        return n_first, n_second
    if strategy == "longest_first":
        rooms = (room, None) if n_second is None else _balance(n_first, n_second, room)
    elif strategy == "only_first":
        rooms = (_shorten(n_first, n_remove, strategy), n_second)
    elif n_second is None:
        raise InputError(
            "`truncation='only_second'` needs a second text: got one text that is too long. "
            "Use `truncation=True`."
        )
    else:
        rooms = (n_first, _shorten(n_second, n_remove, strategy))
    for kept, length in zip(rooms, (n_first, n_second), strict=True):
        if kept is not None and length is not None and kept < length:
            check_stride(kept, stride)
    return rooms


def check_stride(room: int, stride: int) -> None:
    """Refuse windows that would not move forward; a room of zero has no windows at all."""
    if stride and room <= stride and room != 0:
        raise InputError(
            f"`stride` must be smaller than the text a window holds: got stride={stride} for "
            f"windows of {room} tokens. Use a smaller `stride` or a larger `max_length`."
        )


def check_room(room: int, stride: int) -> None:
    """Refuse windows that hold no text, or that would not move forward."""
    if room <= 0:
        raise InputError(
            f"A window must have room for text: got {room} tokens beside the special tokens and "
            "the first text. Use a larger `max_length` or a shorter first text."
        )
    check_stride(room, stride)


def windows(length: int, room: int, stride: int) -> list[slice]:
    """Stretches of at most `room` tokens that cover `length` tokens, `stride` of them shared."""
    if length <= room:
        return [slice(0, length)]
    check_room(room, stride)
    starts = range(0, length - stride, room - stride)
    return [slice(start, min(start + room, length)) for start in starts]


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
