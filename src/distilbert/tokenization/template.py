"""The template `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]` around one or two texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Template(NamedTuple):
    """What is put where `[CLS]` and `[SEP]` are: one value each, or none for an unset token."""

    cls: Sequence[Any] = ()
    sep: Sequence[Any] = ()

    @staticmethod
    def of(first: Any, last: Any) -> Template:
        """The template with these values for `[CLS]` and `[SEP]`; None leaves one out."""
        return Template([] if first is None else [first], [] if last is None else [last])

    def fill(self, first: list[Any], second: list[Any] | None) -> list[Any]:
        """The values of one or two texts with those of the special tokens around them."""
        if second is None:
            return [*self.cls, *first, *self.sep]
        return [*self.cls, *first, *self.sep, *second, *self.sep]

    def with_value(self, value: Any) -> Template:
        """The same template for a column in which every special token has this value."""
        return Template([value] * len(self.cls), [value] * len(self.sep))

    def n_special(self, *, pair: bool) -> int:
        """How many special tokens the template adds."""
        return len(self.cls) + len(self.sep) * (2 if pair else 1)

    def type_ids(self, n_first: int, n_second: int | None) -> list[int]:
        """0 for `[CLS] A [SEP]`, 1 for `B [SEP]`."""
        first = [0] * (len(self.cls) + n_first + len(self.sep))
        return first if n_second is None else first + [1] * (n_second + len(self.sep))

    def special_tokens_mask(self, n_first: int, n_second: int | None) -> list[int]:
        """1 where the template puts a special token."""
        return self.with_value(1).fill([0] * n_first, None if n_second is None else [0] * n_second)
