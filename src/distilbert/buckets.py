"""`Bucket`: the fixed size of the batches that a file computes, for devices that need one.

An export with buckets has one file for each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from distilbert.errors import InputError, shown

# The shortest window with three special tokens and one token of each text.
MIN_LENGTH = 5
# Rows times tokens, padding included: a batch is always computed whole, and 32,768 texts of 512
# tokens are far more than a device takes at once.
MAX_BUCKET_TOKENS = 2**24


@dataclass(frozen=True, slots=True, order=True)
class Bucket:
    """Batches of `n_rows` texts of `length` tokens; for multiple choice, a row is one choice."""

    n_rows: int
    length: int

    def __str__(self) -> str:
        return f"{self.n_rows}x{self.length}"

    def sizes(self) -> dict[str, int]:
        """The size of each axis of a file for this bucket."""
        return {"B": self.n_rows, "C": 1, "S": self.length}

    def file(self, usual: str) -> str:
        """The path of the file for this bucket, where `usual` is that of one for any size."""
        path = PurePosixPath(usual)
        return str(path.with_name(f"{path.stem}_{self}{path.suffix}"))


def parse_buckets(given: Any, *, longest: int | None = None) -> tuple[Bucket, ...]:
    """Buckets from a text such as "1x32,1x128", or from a sequence of such or of pairs of numbers.

    Args:
        longest: how many tokens the model takes.

    Raises:
        InputError: something else, twice the same, or sizes that no batch of the model can have.
    """
    parts = given.split(",") if isinstance(given, str) else given
    if not isinstance(parts, Sequence) or not parts:
        raise _error(given)
    buckets = tuple(_bucket(part, given) for part in parts)
    unfit = [
        str(one)
        for one in buckets
        if one.n_rows < 1
        or one.length < MIN_LENGTH
        or (longest is not None and one.length > longest)
    ]
    if unfit:
        most = "" if longest is None else f" to {longest} (`max_position_embeddings`)"
        raise InputError(
            f"A bucket must have at least 1 row, and rows of {MIN_LENGTH}{most} tokens: got "
            f"{', '.join(unfit)}."
        )
    large = [str(one) for one in buckets if one.n_rows * one.length > MAX_BUCKET_TOKENS]
    if large:
        raise InputError(
            f"A bucket must have at most {MAX_BUCKET_TOKENS:,} tokens in all: got "
            f"{', '.join(large)}. Use fewer rows, batches are divided."
        )
    if len({*buckets}) < len(buckets):
        raise InputError(f"`buckets` must all be different: got {', '.join(map(str, buckets))}.")
    return buckets


def _bucket(part: Any, given: Any) -> Bucket:
    sizes = part.strip().lower().split("x") if isinstance(part, str) else part
    if isinstance(part, Bucket):
        return part
    if isinstance(sizes, Sequence) and len(sizes) == 2 and all(map(_is_size, sizes)):
        return Bucket(int(sizes[0]), int(sizes[1]))
    raise _error(given)


def _is_size(size: Any) -> bool:
    if isinstance(size, str):
        return size.isdecimal() and size.isascii() and len(size) < 10
    return isinstance(size, int) and not isinstance(size, bool)


def _error(given: Any) -> InputError:
    return InputError(
        f"`buckets` must be rows and tokens of batches, such as '1x32,8x128': got {shown(given)}."
    )


def choose_bucket(buckets: Sequence[Bucket], n_rows: int, length: int) -> Bucket:
    """The bucket for the next rows of a batch, which may be more than it has.

    The one with the fewest tokens per row; a bucket that is at least half full counts as full, as
    one call is faster than several. Of equal ones, that with the most rows.
    """
    fitting = [one for one in buckets if one.length >= length]
    return min(
        fitting, key=lambda one: (one.length * max(1, one.n_rows / (2 * n_rows)), -one.n_rows)
    )


def longest_of(buckets: Mapping[Bucket, Any] | Sequence[Bucket]) -> int:
    """The largest length of the buckets."""
    return max(one.length for one in buckets)
