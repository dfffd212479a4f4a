"""The template `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, on ids and on lengths."""

from __future__ import annotations

N_SPECIAL_SINGLE = 2
N_SPECIAL_PAIR = 3


def n_special(*, pair: bool) -> int:
    """How many special tokens the template adds."""
    return N_SPECIAL_PAIR if pair else N_SPECIAL_SINGLE


def fill(first: list[int], second: list[int] | None, *, cls_id: int, sep_id: int) -> list[int]:
    """The ids with their special tokens."""
    if second is None:
        return [cls_id, *first, sep_id]
    return [cls_id, *first, sep_id, *second, sep_id]


def type_ids(n_first: int, n_second: int | None) -> list[int]:
    """0 for `[CLS] A [SEP]`, 1 for `B [SEP]`."""
    return [0] * (n_first + 2) + ([] if n_second is None else [1] * (n_second + 1))


def special_tokens_mask(n_first: int, n_second: int | None) -> list[int]:
    """1 where the template put a special token."""
    return [1, *[0] * n_first, 1] + ([] if n_second is None else [*[0] * n_second, 1])
