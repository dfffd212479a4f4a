"""Which tokens are kept when one or two texts are too long: the page's rules, on lengths alone.

There are two rule sets because the reference has two: `cut_slow` (the Python tokenizer and
`truncate_sequences`) and `cut_fast` (the Rust tokenizer). They differ on ties and on overflow.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from distilbert.errors import InputError
from distilbert.tokenization.call_options import CallOptions

logger = logging.getLogger(__name__)


class Cut(NamedTuple):
    """A part of each of two texts."""

    first: slice
    second: slice


ALL, NOTHING = slice(None), slice(0)
UNCUT = [Cut(ALL, ALL)]


def cut_slow(n_first: int, n_second: int | None, n_remove: int, options: CallOptions) -> list[Cut]:
    """What the Python tokenizer keeps, then what it removed with `stride` neighbours, if known.

    `n_second` is None without a pair. A strategy that cannot remove enough removes nothing and
    logs an error, as in the reference.
    """
    strategy, side = options.truncation, options.truncation_side
    if n_remove <= 0 or strategy is None:
        return UNCUT
    if strategy == "longest_first" and n_second is not None:
        from_first, from_second = _share(n_first, n_second, n_remove)
        return [Cut(_keep(n_first, from_first, side), _keep(n_second, from_second, side))]
    cuts_second = strategy == "only_second"
    length = n_second if cuts_second else n_first
    if length is None:  # `only_second` without a second text has nothing to cut
        return UNCUT
    if length <= n_remove:
        logger.error(
            "Truncation `%s` must remove %d tokens but the %s text has only %d, so nothing was "
            "removed; choose another `truncation` or a larger `max_length`.",
            *(strategy, n_remove, "second" if cuts_second else "first", length),
        )
        return UNCUT
    kept = _keep(length, n_remove, side)
    n_removed = min(length, n_remove + options.stride)
    removed = slice(0, n_removed) if side == "left" else slice(length - n_removed, length)
    return (
        [Cut(ALL, kept), Cut(NOTHING, removed)]
        if cuts_second
        else [Cut(kept, ALL), Cut(removed, NOTHING)]
    )


def cut_fast(n_first: int, n_second: int | None, n_remove: int, options: CallOptions) -> list[Cut]:
    """What the Rust tokenizer keeps, then the further windows, in its order.

    `n_second` is None without a pair.

    Raises:
        InputError: the strategy cannot remove enough, or `stride` leaves no new token per window.
    """
    kept_first, kept_second = _kept_fast(n_first, n_second, n_remove, options)
    first = _windows(n_first, kept_first, options)
    second = _windows(n_second or 0, kept_second, options)
    cuts = [Cut(a, b) for a in first for b in second]
    # The first window of the first text comes first and again last, with the rest of the second.
    n_pairs = len(second)
    return [cuts[0], *cuts[n_pairs:], *cuts[1:n_pairs]]


def check_stride(options: CallOptions) -> None:
    """Refuse, as the Rust tokenizer, a stride that no window of one text could contain.

    Raises:
        InputError: also for a length below that of the special tokens.
    """
    capacity = (options.max_length or 0) - 2  # special tokens of one text
    if capacity < 0:
        raise _length_error(options, capacity)
    if capacity < options.stride:
        raise _stride_error(capacity, options.stride)


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


def _kept_fast(
    n_first: int, n_second: int | None, n_remove: int, options: CallOptions
) -> tuple[int, int]:
    """How many tokens of each text the Rust tokenizer keeps in its first window."""
    n_pair = n_second or 0
    capacity = n_first + n_pair - n_remove
    if capacity == 0:  # whatever the strategy: special tokens alone
        return 0, 0
    if options.truncation == "only_first":
        return _shorten(n_first, n_remove, "only_first"), n_pair
    if options.truncation == "only_second":
        if n_second is None:
            raise InputError(
                "`truncation='only_second'` needs a second text: got one text that is too long. "
                "Use `truncation=True`."
            )
        return n_first, _shorten(n_pair, n_remove, "only_second")
    if capacity < 0:
        raise _length_error(options, capacity)
    return (capacity, 0) if n_second is None else _balance(n_first, n_second, capacity)


def _windows(length: int, capacity: int, options: CallOptions) -> list[slice]:
    """The spans of a text as slices; the first one is what truncation keeps.

    No capacity gives an empty slice and the full text, as in the Rust tokenizer.
    """
    if length <= capacity:
        return [ALL]
    if capacity <= 0:
        return [NOTHING, ALL]
    spans = window_spans(length, capacity, options.stride)
    if options.truncation_side == "left":
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


def _balance(n_first: int, n_second: int, capacity: int) -> tuple[int, int]:
    """The Rust longest_first: the shorter is cut only below half; a tie favours the second."""
    shorter, longer = sorted((n_first, n_second))
    if shorter > capacity // 2:
        shorter, longer = capacity // 2, capacity - capacity // 2
    else:
        longer = capacity - shorter
    return (longer, shorter) if n_first > n_second else (shorter, longer)


def _shorten(length: int, n_remove: int, strategy: str) -> int:
    if length > n_remove:
        return length - n_remove
    raise InputError(
        f"`truncation={strategy!r}` must remove {n_remove} tokens, but that text has only "
        f"{length}. Use `truncation=True` or a larger `max_length`."
    )


def _length_error(options: CallOptions, capacity: int) -> InputError:
    return InputError(
        f"`max_length` must be at least the number of special tokens: got {options.max_length}. "
        f"Use at least {(options.max_length or 0) - capacity}."
    )


def _stride_error(capacity: int, stride: int) -> InputError:
    return InputError(
        f"`stride` must be smaller than the text a window holds: got stride={stride} for windows "
        f"of {capacity} tokens. Use a smaller `stride` or a larger `max_length`."
    )
