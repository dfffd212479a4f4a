"""What one call asks for, with the page's rules applied: padding, truncation, columns wanted.

Pure decisions on plain values; touches neither text nor ids.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import Any, Literal, NamedTuple

from distilbert.errors import InputError

Padding = Literal["longest", "max_length"]
Truncation = Literal["longest_first", "only_first", "only_second"]

PADDING: dict[Any, Padding | None] = {
    False: None,
    "do_not_pad": None,
    True: "longest",
    "longest": "longest",
    "max_length": "max_length",
}
TRUNCATION: dict[Any, Truncation | None] = {
    None: None,
    False: None,
    "do_not_truncate": None,
    True: "longest_first",
    "longest_first": "longest_first",
    "only_first": "only_first",
    "only_second": "only_second",
}
# A model_max_length above this means "the model states none" (the reference writes 1e30).
NO_LIMIT = int(1e20)


@dataclass(slots=True)
class CallOptions:
    """One call's options, resolved by `resolve`: None means off, every flag is a plain bool."""

    add_special_tokens: bool = True
    padding: Padding | None = None
    truncation: Truncation | None = None
    max_length: int | None = None
    stride: int = 0
    is_split_into_words: bool = False
    pad_to_multiple_of: int | None = None
    return_tensors: str | None = None
    return_token_type_ids: bool | None = None
    return_attention_mask: bool | None = None
    return_overflowing_tokens: bool = False
    return_special_tokens_mask: bool = False
    return_offsets_mapping: bool = False
    return_length: bool = False
    verbose: bool = True
    truncation_side: str = "right"  # the tokenizer's, when the call was made

    def padded_length(self, lengths: list[int]) -> int | None:
        """The length rows of these lengths are padded to, or None when they are left alone."""
        if self.padding is None or not lengths:
            return None
        length = self.max_length if self.padding == "max_length" else max(lengths)
        return None if length is None else round_up(length, self.pad_to_multiple_of)


# What a call may be given by keyword.
OPTION_NAMES = frozenset(field.name for field in fields(CallOptions)) - {"truncation_side"}


def round_up(length: int, multiple: int | None) -> int:
    """The smallest multiple of `multiple` that is at least `length`; `length` itself for None."""
    return length if not multiple else -(-length // multiple) * multiple


class Strategies(NamedTuple):
    """Padding, truncation and the length they use, once the defaults are filled in."""

    padding: Padding | None
    truncation: Truncation | None
    max_length: int | None


def resolve_strategies(
    padding: bool | str,
    truncation: bool | str | None,
    max_length: int | None,
    *,
    pad_to_multiple_of: int | None,
    model_max_length: int,
    pad_token: str | None,
    verbose: bool,
) -> Strategies:
    """The page's rules for what `padding`, `truncation` and `max_length` mean together.

    Raises:
        InputError: an unknown strategy, padding without a padding token, or a truncation length
            that `pad_to_multiple_of` does not divide.
    """
    pad = _look_up(PADDING, padding, "padding")
    cut = _look_up(TRUNCATION, truncation, "truncation")
    if max_length is not None and padding is False and truncation is None:
        _warn(verbose, "`max_length` without `truncation` truncates the longest text first.")
        cut = "longest_first"
    if max_length is None and (pad == "max_length" or cut is not None):
        if model_max_length <= NO_LIMIT:
            max_length = model_max_length
        else:
            _warn(verbose, "The model states no maximum length, so nothing is padded or cut to it.")
            pad = None if pad == "max_length" else pad
            cut = None
    if pad is not None and pad_token is None:
        raise InputError(
            "Padding needs a padding token: got none. "
            "Set one, for example `tokenizer.pad_token = '[PAD]'`."
        )
    if pad and cut and pad_to_multiple_of and max_length and max_length % pad_to_multiple_of:
        raise InputError(
            "`pad_to_multiple_of` must divide the truncation length: got "
            f"pad_to_multiple_of={pad_to_multiple_of}, max_length={max_length}. Use "
            f"max_length={round_up(max_length, pad_to_multiple_of)}."
        )
    return Strategies(pad, cut, max_length)


def _look_up(table: dict[Any, Any], value: Any, name: str) -> Any:
    if isinstance(value, bool | str | None) and value in table:
        return table[value]
    names = sorted(key for key in table if isinstance(key, str))
    raise InputError(f"`{name}` must be True, False or one of {names}: got {value!r}.")


def _warn(verbose: bool, message: str) -> None:
    if verbose:
        warnings.warn(message, UserWarning, stacklevel=5)
