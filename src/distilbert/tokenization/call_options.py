"""What one call asks for, with the page's rules applied: padding, truncation, columns wanted.

Pure decisions on plain values; touches neither text nor ids.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from distilbert.errors import InputError

PADDING: dict[Any, str | None] = {
    **{name: name for name in ("longest", "max_length")},
    **dict.fromkeys((False, "do_not_pad")),
    True: "longest",
}
TRUNCATION: dict[Any, str | None] = {
    **{name: name for name in ("longest_first", "only_first", "only_second")},
    **dict.fromkeys((None, False, "do_not_truncate")),
    True: "longest_first",
}
# Of `padding`, `truncation`, `max_length` and `stride`.
_DEFAULTS = (False, None, None, 0)
# A model_max_length above this means "the model states none" (the reference writes 1e30).
NO_LIMIT = int(1e20)


@dataclass(slots=True)
class CallOptions:
    """One call's options in the page's order; `resolve` looks up the strategies."""

    add_special_tokens: bool = True
    padding: Any = False
    truncation: Any = None
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
    pad_to_max_length: bool = False  # deprecated, as `truncation_strategy`
    truncation_strategy: str = "do_not_truncate"
    split_special_tokens: bool | None = None  # None: as the tokenizer does
    truncation_side: str = "right"  # the tokenizer's, when the call was made

    def are_defaults(self) -> bool:
        """Whether `resolve` would change and check nothing."""
        return (self.padding, self.truncation, self.max_length, self.stride) == _DEFAULTS and (
            self.pad_to_multiple_of is None
            and not self.pad_to_max_length
            and self.truncation_strategy == "do_not_truncate"
        )

    def resolve(self, *, model_max_length: int, pad_token: str | None) -> None:
        """Apply the page's rules for what `padding`, `truncation` and `max_length` mean together.

        Raises:
            InputError: an unknown strategy, padding without a padding token, or a truncation length
                that `pad_to_multiple_of` does not divide.
        """
        self._check_numbers()
        pad = _look_up(PADDING, self.padding, "padding")
        cut = _look_up(TRUNCATION, self.truncation, "truncation")
        if self.max_length is not None and self.padding is False and self.truncation is None:
            self._warn("`max_length` without `truncation` truncates the longest text first.")
            cut = "longest_first"
        pad, cut = self._apply_deprecated(pad, cut)
        if self.max_length is None and (pad == "max_length" or cut is not None):
            if model_max_length <= NO_LIMIT:
                self.max_length = model_max_length
            else:
                self._warn("The model states no maximum length, so nothing is padded or cut to it.")
                pad = None if pad == "max_length" else pad
                cut = None
        if pad is not None and pad_token is None:
            raise InputError(
                "Padding needs a padding token: got none. "
                "Set one, for example `tokenizer.pad_token = '[PAD]'`."
            )
        multiple, length = self.pad_to_multiple_of, self.max_length
        if pad and cut and multiple and length and length % multiple:
            raise InputError(
                "`pad_to_multiple_of` must divide the truncation length: got "
                f"pad_to_multiple_of={multiple}, max_length={length}. Use "
                f"max_length={round_up(length, multiple)}."
            )
        self.padding, self.truncation = pad, cut

    def padded_length(self, lengths: list[int]) -> int | None:
        """The length to which rows of these lengths are padded, or None without padding."""
        if not self.padding or not lengths:
            return None
        length = self.max_length if self.padding == "max_length" else max(lengths)
        return None if length is None else round_up(length, self.pad_to_multiple_of)

    def _apply_deprecated(self, pad: str | None, cut: str | None) -> tuple[str | None, str | None]:
        """`pad` and `cut`, or what the options of transformers 2 say where these are not set."""
        if self.pad_to_max_length:
            newer = "longest" if self.max_length is None else "max_length"
            used = self.padding is False
            pad = newer if used else pad
            self._deprecate("pad_to_max_length", f"padding={newer!r}", used=used)
        older = _look_up(TRUNCATION, self.truncation_strategy, "truncation_strategy")
        if older is not None:
            used = self.truncation is None and cut is None
            cut = older if used else cut
            self._deprecate("truncation_strategy", f"truncation={older!r}", used=used)
        return pad, cut

    def _deprecate(self, name: str, newer: str, *, used: bool) -> None:
        ignored = "" if used else f" and, next to {self._stated(name)}, ignored"
        self._warn(f"`{name}` is deprecated{ignored}. Use `{newer}`.", FutureWarning, depth=7)

    def _stated(self, name: str) -> str:
        """What has precedence over the deprecated option `name`."""
        newer = "padding" if name == "pad_to_max_length" else "truncation"
        value = getattr(self, newer)
        # As in the reference, a `max_length` alone truncates the longest text first.
        return "`max_length`" if value is None else f"`{newer}={value!r}`"

    def _check_numbers(self) -> None:
        """Refuse lengths that are not whole numbers; those of NumPy become plain ones."""
        for name in ("max_length", "stride", "pad_to_multiple_of"):
            value = getattr(self, name)
            if value is None:
                value = 0 if name == "stride" else None
            elif not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 0:
                raise InputError(f"`{name}` must be a whole number of tokens: got {value!r}.")
            setattr(self, name, None if value is None else int(value))

    def _warn(self, message: str, category: type[Warning] = UserWarning, *, depth: int = 5) -> None:
        if self.verbose:
            warnings.warn(message, category, stacklevel=depth)


# The keywords that a call takes; only the slow class can split special tokens in single calls.
OPTION_NAMES = frozenset(field.name for field in fields(CallOptions)) - {"truncation_side"}
FAST_OPTION_NAMES = OPTION_NAMES - {"split_special_tokens"}


def round_up(length: int, multiple: int | None) -> int:
    """The smallest multiple of `multiple` that is at least `length`; `length` itself for None."""
    return length if not multiple else -(-length // multiple) * multiple


def _look_up(table: dict[Any, Any], value: Any, name: str) -> Any:
    if isinstance(value, bool | str | None) and value in table:
        return table[value]
    names = sorted(key for key in table if isinstance(key, str))
    raise InputError(f"`{name}` must be True, False or one of {names}: got {value!r}.")
