"""The options of a job: their names, and values that must be of the annotated types."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from numbers import Integral
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from distilbert.errors import InputError, UnknownArgumentError
from distilbert.pipelines.reference_names import as_options

AnyJob = TypeVar("AnyJob", bound=Any)

# Options that are integers -> their smallest values; a name means the same in every job.
LOWEST = {"top_k": 1, "max_answer_len": 1, "max_question_len": 1, "stride": 0, "doc_stride": 0}
# What values of a type, or of lists of it, are called in an error.
NAMES = {bool: "True or False", float: "a number", int: "an integer", str: "a text"}
LISTS = {str: "a list of texts", float: "a list of numbers"}


def with_options(job: AnyJob, options: Mapping[str, Any], task: str) -> AnyJob:
    """`job` with some options changed; None leaves an option unchanged unless it is a value of it.

    Raises:
        UnknownArgumentError: the task has no such option.
        InputError: a value breaks a rule.
    """
    types = option_types(type(job))
    options = as_options(options, types)
    for name in options:
        if name not in types:
            close = difflib.get_close_matches(name, types, n=1)
            hint = f" Did you mean `{close[0]}`?" if close else ""
            raise UnknownArgumentError(
                f"`{task}` takes no option `{name}`: its options are {', '.join(types)}.{hint}"
            )
    given = {
        name: value
        for name, value in options.items()
        if value is not None or type(None) in types[name]
    }
    return dataclasses.replace(job, **given) if given else job


def check_options(job: Any) -> None:
    """Check each value against the type of its option, and integers against `LOWEST`.

    A number of NumPy becomes one of Python.

    Raises:
        InputError: the value of an option breaks a rule.
    """
    for name, kinds in option_types(type(job)).items():
        value = getattr(job, name)
        if isinstance(value, np.generic):
            value = value.item()
            object.__setattr__(job, name, value)
        least = LOWEST.get(name)
        too_small = least is not None and isinstance(value, int) and value < least
        if too_small or not any(_is_of(value, kind) for kind in kinds):
            rule = " or ".join(_rules(kinds, least))
            raise InputError(f"`{name}` must be {rule}: got {value!r}.")


def check_at_least(lowest: int, **values: int | None) -> None:
    """Raise InputError unless every value is None or an integer of at least `lowest`."""
    for name, value in values.items():
        is_integer = isinstance(value, Integral) and not isinstance(value, bool)
        if value is not None and (not is_integer or value < lowest):
            raise InputError(f"`{name}` must be an integer of at least {lowest}: got {value!r}.")


@cache
def option_types(job: type[Any]) -> dict[str, tuple[Any, ...]]:
    """The name of each option and the types that it may have, including that of None."""
    hints, types = get_type_hints(job), {}
    for field in dataclasses.fields(job):
        hint = hints[field.name]
        is_union = get_origin(hint) in (Union, UnionType)
        types[field.name] = get_args(hint) if is_union else (hint,)
    return types


def _is_of(value: Any, kind: Any) -> bool:
    """Whether a value is of a type: a class, a `Literal` of texts, or a `Sequence` of a class."""
    if get_origin(kind) is Literal:
        return isinstance(value, str) and value in get_args(kind)
    if get_origin(kind) is Sequence:
        (of,) = get_args(kind)
        is_listed = hasattr(value, "__len__") and not isinstance(value, (str, bytes, Mapping))
        return is_listed and all(_is_of(one, of) for one in value)
    if isinstance(value, (bool, np.bool_)):
        return kind is bool
    return isinstance(value, (int, float, np.number) if kind is float else kind)


def _rules(kinds: Sequence[Any], lowest: int | None) -> Iterator[str]:
    """What values of these types are called, without None, which nobody passes by mistake."""
    for kind in kinds:
        if get_origin(kind) is Literal:
            values = get_args(kind)
            yield f"one of {', '.join(values)}" if len(values) > 1 else ", ".join(map(repr, values))
        elif get_origin(kind) is Sequence:
            yield LISTS[get_args(kind)[0]]
        elif kind is int and lowest is not None:
            yield f"an integer of at least {lowest}"
        elif kind is not type(None):
            yield NAMES[kind]
