"""Cards: everything that decides a run, as frozen models with one sentence per field.

What cards have in common; `run_card.py` has the card of fine-tuning. Cards are read and written in
`card_file.py`, which also turns pydantic's errors into a RunCardError.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
from functools import cache
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    field_validator,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

# The section of the fields of the card itself.
TOP = ""


def _as_names(value: Any) -> Any:
    return () if value is None else (value,) if isinstance(value, str) else value


# One name, a list of them, or None for none.
Names = Annotated[tuple[str, ...], BeforeValidator(_as_names)]


class Section(BaseModel):
    """Fields of a card that belong together. Sections are checked when they are made."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, values: Any) -> Any:
        """Values as TOML would hold them; the caller's mapping stays as it is."""
        if not isinstance(values, Mapping):
            return values
        return {name: plain_value(value) for name, value in values.items()}

    @field_validator("*")
    @classmethod
    def _check_text(cls, value: Any) -> Any:
        """Refuse names of files with undecodable bytes, which a card cannot hold."""
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            raise PydanticCustomError("string_unicode", "not encodable")
        return value


def plain_value(value: Any) -> Any:
    """`value` without path objects, lists, and NumPy's numbers, where it is one of them."""
    match value:
        case bool():
            return value
        case Integral():
            return int(value)
        case Real():
            return float(value)
        case PathLike():
            return fspath(value)
        case list() | tuple():
            return tuple(map(plain_value, value))
    return value


class Card(Section):
    """A card of sections. Field names are unique over all of them, so each can be an option."""

    tables: ClassVar[tuple[str, ...]] = ()
    """Fields that are tables of any content."""

    @classmethod
    @cache
    def sections(cls) -> dict[str, type[Section]]:
        """The sections by name."""
        return {
            name: field.annotation
            for name, field in cls.model_fields.items()
            if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        }

    @classmethod
    @cache
    def fields(cls) -> dict[str, tuple[str, FieldInfo]]:
        """Name of every field -> its section ("" for those of the card itself) and the field."""
        inner = (*cls.sections(), *cls.tables)
        above = {name: field for name, field in cls.model_fields.items() if name not in inner}
        parts = {TOP: above, **{name: part.model_fields for name, part in cls.sections().items()}}
        return {
            name: (part, field) for part, found in parts.items() for name, field in found.items()
        }

    def conflicts(self) -> list[str]:
        """Sentences on fields that are each right alone and do not fit together."""
        return []


def kind_of(field: FieldInfo) -> Any:
    """The type of a field without None: str, int, float, bool, a Literal, or a tuple of these."""
    kind = field.annotation
    if get_origin(kind) in (Union, types.UnionType):
        kind = next(part for part in get_args(kind) if part is not type(None))
    return kind
