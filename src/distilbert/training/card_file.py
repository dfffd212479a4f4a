"""Cards from TOML files and plain values, changed field by field, and back to TOML.

The rules for values are in the classes of cards, the sentences on broken rules in
`card_checks.py`.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from os import PathLike, fspath
from pathlib import Path
from typing import Any, TypeVar, overload

from pydantic import ValidationError

from distilbert.errors import RunCardError
from distilbert.training.card import TOP, Card
from distilbert.training.card_checks import problems_of
from distilbert.training.run_card import DataSection, InputsSection, RunCard

C = TypeVar("C", bound=Card)
AnyCard = Card | Mapping[str, Any] | str | PathLike[str] | None
# Fields that a run needs, although a card may leave them out.
REQUIRED = {
    "model": "the checkpoint to start from",
    "teacher": "the checkpoint of the teacher",
    "train": "the texts to learn from",
    "output": "the folder of the result",
}

PATHS = ("train", "dev", "test")
# Prefixes of data that are not files: a data set of the hub, rows passed in Python.
NOT_FILES = ("hub:", "memory:")
# What cards of earlier versions say where nobody chose a separator; now it makes rows have several
# labels. Without it a model of several labels has the same one.
OLD_SEPARATOR = ","
# Fields of a run that decide how other rows are read and scored.
LASTING = {*DataSection.model_fields, *InputsSection.model_fields, "seed", "problem_type", "metric"}
LASTING |= {"max_answer_length", "n_best", "null_threshold"}


@overload
def read_card(path: str | PathLike[str]) -> RunCard: ...
@overload
def read_card(path: str | PathLike[str], kind: type[C]) -> C: ...
def read_card(path: str | PathLike[str], kind: Any = RunCard) -> Any:
    """The card of a TOML file; paths of data are relative to its folder.

    Raises:
        RunCardError: no such file, no TOML, unknown keys or bad values; all of them are named.
    """
    path = Path(path)
    values = _read_toml(path)
    try:
        return card_from(values, base=path.parent, kind=kind)
    except RunCardError as error:
        raise RunCardError(f"{path}: {error}") from None


def read_result_card(path: Path) -> RunCard:
    """How the model of a result folder reads and scores rows: the card of its run, without the
    rest. Cards of earlier versions, which had other sections, are read as well."""
    values = _read_toml(path)
    flat = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    for table in values.values():
        flat |= table if isinstance(table, Mapping) else {}
    if flat.get("label_separator") == OLD_SEPARATOR:
        del flat["label_separator"]
    return with_changes(RunCard(), {n: value for n, value in flat.items() if n in LASTING})


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunCardError(f"A run card must be a readable text file: {error}.") from None
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and integers of too many digits
        raise RunCardError(f"A run card must be TOML: {path}: {error}.") from None


@overload
def card_from(values: Mapping[str, Any], *, base: Path | None) -> RunCard: ...
@overload
def card_from(values: Mapping[str, Any], *, base: Path | None, kind: type[C]) -> C: ...
def card_from(values: Mapping[str, Any], *, base: Path | None, kind: Any = RunCard) -> Any:
    """A card from the values of a TOML file, or from what `model_dump` makes of a card.

    Args:
        base: the folder that relative data paths start from; None is the working folder.

    Raises:
        RunCardError: unknown keys or bad values; all of them are named.
    """
    data = values.get("data")
    if isinstance(data, Mapping):
        values = {**values, "data": _located(data, base)}
    try:
        card = kind.model_validate(values)
    except ValidationError as error:
        wrong = problems_of(error, kind)
        number = f"{len(wrong)} {'is' if len(wrong) == 1 else 'are'}"
        raise RunCardError(
            f"A run card must hold known fields and good values: {number} wrong.\n{_lines(wrong)}"
        ) from None
    _toml([getattr(card, name) for name in kind.tables])  # raises for what a file cannot hold
    if wrong := card.conflicts():
        raise RunCardError("Fields of a run card must fit together.\n" + _lines(wrong))
    return card


def _lines(sentences: Iterable[str]) -> str:
    return "\n".join(f"  {sentence}" for sentence in sentences)


@overload
def as_card(card: AnyCard, changes: Mapping[str, Any]) -> RunCard: ...
@overload
def as_card(card: AnyCard, changes: Mapping[str, Any], kind: type[C]) -> C: ...
def as_card(card: AnyCard, changes: Mapping[str, Any], kind: Any = RunCard) -> Any:
    """A card in any form that callers may pass, None for an empty one, with fields replaced.

    Raises:
        RunCardError: as `read_card`, `card_from` and `with_changes`.
    """
    if isinstance(card, (str, PathLike)):
        card = read_card(card, kind)
    elif not isinstance(card, kind):
        card = card_from(dict(card or {}), base=None, kind=kind)
    read: Card = card  # pyright: ignore[reportAssignmentType]
    return with_changes(read, changes)


def check_required(card: Card, names: Iterable[str]) -> None:
    """Raise RunCardError unless the card has these fields of `REQUIRED`."""
    for name in names:
        section = card.fields()[name][0]
        if not getattr(getattr(card, section) if section else card, name):
            raise RunCardError(f"`{name}` must name {REQUIRED[name]}: got none. Set it.")


def with_changes(card: C, changes: Mapping[str, Any]) -> C:
    """`card` with other values of some fields, named without their section.

    Relative data paths among `changes` start from the working folder.

    Raises:
        RunCardError: unknown names or bad values; all of them are named.
    """
    values = card.model_dump()
    known = card.fields()
    for name, value in _located(changes, None).items():
        section = known[name][0] if name in known else TOP
        (values[section] if section else values)[name] = value
    return card_from(values, base=None, kind=type(card))


def _located(values: Mapping[str, Any], base: Path | None) -> dict[str, Any]:
    """`values` with absolute paths of data, so that a card means the same in any folder."""
    base = Path.cwd() if base is None else base.absolute()
    located = dict(values)
    for name in PATHS:
        source = values.get(name)
        if isinstance(source, (str, PathLike)):
            located[name] = _absolute(source, base)
        elif isinstance(source, (list, tuple)):
            located[name] = tuple(_absolute(one, base) for one in source)
    return located


def _absolute(source: Any, base: Path) -> Any:
    """The absolute path of a file; anything else unchanged."""
    if not isinstance(source, (str, PathLike)) or not fspath(source):
        return source
    name = fspath(source)
    return name if name.startswith(NOT_FILES) else str(base / Path(name).expanduser())


def card_text(card: Card) -> str:
    """The card as TOML: every field that has a value, those with defaults too."""
    known = card.fields()
    parts = {TOP: card, **{section: getattr(card, section) for section in card.sections()}}
    lines: list[str] = []
    for section, part in parts.items():
        lines += ["", f"[{section}]"] if section else []
        lines += [f"{n} = {_toml(v)}" for n, v in part if n in known and v is not None]
    for table in card.tables:
        if content := getattr(card, table):
            lines += ["", f"[{table}]", *(f"{_key(n)} = {_toml(v)}" for n, v in content.items())]
    return "\n".join(lines) + "\n"


def _key(name: Any) -> str:
    if not isinstance(name, str):
        raise RunCardError(f"Keys of a run card must be strings: got {name!r}.")
    return (
        name if name.replace("_", "").replace("-", "").isalnum() and name.isascii() else _toml(name)
    )


def _toml(value: Any) -> str:
    """A value as TOML writes it; raises RunCardError for what it cannot hold."""
    match value:
        case bool():
            return "true" if value else "false"
        case Integral():  # NumPy's numbers too, whose repr names their type
            return repr(int(value))
        case Real():
            return repr(float(value))
        case str():  # JSON's escapes are TOML's, but for this one
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
        case dict():
            return "{" + ", ".join(f"{_key(name)} = {_toml(v)}" for name, v in value.items()) + "}"
    raise RunCardError(f"A run card must hold plain values: got {value!r}.")
