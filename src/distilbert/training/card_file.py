"""Run cards from TOML files and plain values, changed field by field, and back to TOML.

What values are right is decided in `card_checks.py`.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from functools import cache
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import Any, get_type_hints

from distilbert.errors import RunCardError
from distilbert.training.card_checks import by_section, conflicts, read_value
from distilbert.training.run_card import RunCard

AnyCard = RunCard | Mapping[str, Any] | str | PathLike[str] | None
# What a run cannot do without, but a card may.
GIVEN = {"model": "the checkpoint to start from", "output": "the folder of the result"}

PATHS = ("train", "dev", "test")
# What stands before the name of a data set that is no file.
REMOTE = "hub:"
SEARCH = "search"
TOP = ""


@cache
def leaf_fields() -> dict[str, tuple[str, Any]]:
    """Name of every field -> its section ("" for those of the card itself) and its type."""
    found: dict[str, tuple[str, Any]] = {}
    for name, kind in get_type_hints(RunCard).items():
        if is_dataclass(kind):
            found |= {leaf: (name, own) for leaf, own in get_type_hints(kind).items()}
        elif name != SEARCH:
            found[name] = (TOP, kind)
    return found


def sections() -> tuple[str, ...]:
    """Names of the tables of a card, without `search`."""
    return tuple(dict.fromkeys(section for section, _ in leaf_fields().values() if section))


def read_card(path: str | PathLike[str]) -> RunCard:
    """The run card of a TOML file; paths of data count from its folder.

    Raises:
        RunCardError: no such file, no TOML, unknown keys or bad values; all of them are named.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunCardError(f"A run card must be a text file that can be read: {error}.") from None
    try:
        values = tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError, and whole numbers of too many digits
        raise RunCardError(f"A run card must be TOML: {path}: {error}.") from None
    try:
        return card_from(values, base=path.parent)
    except RunCardError as error:
        raise RunCardError(f"{path}: {error}") from None


def card_from(values: Mapping[str, Any], *, base: Path | None) -> RunCard:
    """A card of the values of a TOML file: tables per section, or what `asdict` makes of a card.

    Args:
        base: the folder that relative data paths count from; None is the working folder.

    Raises:
        RunCardError: unknown keys or bad values; all of them are named.
    """
    found: dict[str, list[str]] = {}
    flat: dict[str, Any] = {}
    search: Any = {}
    for name, value in values.items():
        if name == SEARCH:
            search = value
        elif name in sections():
            if isinstance(value, Mapping):
                _take(name, value, flat, found)
            else:
                found.setdefault(TOP, []).append(f"`[{name}]` must be a table: got {value!r}.")
        else:
            _take(TOP, {name: value}, flat, found)
    return _built(RunCard(), flat, search, found, base)


def as_card(card: AnyCard, changes: Mapping[str, Any]) -> RunCard:
    """A card in any form that callers may give, None for an empty one, with fields replaced.

    Raises:
        RunCardError: as `read_card`, `card_from` and `with_changes`.
    """
    if isinstance(card, (str, PathLike)):
        card = read_card(card)
    elif not isinstance(card, RunCard):
        card = card_from(card or {}, base=None)
    return with_changes(card, changes)


def check_given(card: RunCard, names: Iterable[str]) -> None:
    """Raise RunCardError unless the card names the folders that are asked for."""
    for name in names:
        if not getattr(card, name):
            raise RunCardError(f"`{name}` must name {GIVEN[name]}: got none. Set it.")


def with_changes(card: RunCard, changes: Mapping[str, Any]) -> RunCard:
    """`card` with other values of some fields, named without their section.

    Relative data paths among `changes` count from the working folder.

    Raises:
        RunCardError: unknown names or bad values; all of them are named.
    """
    found: dict[str, list[str]] = {}
    flat: dict[str, Any] = {}
    for name, value in changes.items():
        if name == SEARCH:
            continue
        if name not in leaf_fields():
            found.setdefault(TOP, []).append(_unknown(name, leaf_fields()))
            continue
        _take(leaf_fields()[name][0], {name: value}, flat, found)
    return _built(card, flat, changes.get(SEARCH, card.search), found, None)


def _take(
    section: str, values: Mapping[str, Any], flat: dict[str, Any], found: dict[str, list[str]]
) -> None:
    """Put good values of one section into `flat` and sentences on others into `found`."""
    for name, value in values.items():
        home, kind = leaf_fields().get(name, (None, None))
        if home != section:
            sentence = _misplaced(name, home, section)
            found.setdefault(section, []).append(sentence)
            continue
        flat[name], wrong = read_value(name, kind, value)
        if wrong:
            found.setdefault(section, []).append(wrong)


def _misplaced(name: str, home: str | None, section: str) -> str:
    if home is not None:
        return f"`{name}` belongs {f'to [{home}]' if home else 'above all sections'}."
    own = [leaf for leaf, (where, _) in leaf_fields().items() if where == section]
    return _unknown(name, own if section else [*own, *sections(), SEARCH])


def _unknown(name: str, known: Any) -> str:
    near = difflib.get_close_matches(str(name), list(known), n=1, cutoff=0.5) or (
        difflib.get_close_matches(str(name), list(leaf_fields()), n=1, cutoff=0.5)
    )
    return f"`{name}` is no field of a run card." + (f" Nearest: `{near[0]}`." if near else "")


def _built(
    card: RunCard,
    flat: Mapping[str, Any],
    search: Any,
    found: dict[str, list[str]],
    base: Path | None,
) -> RunCard:
    if not isinstance(search, Mapping):
        found.setdefault(TOP, []).append(f"`[{SEARCH}]` must be a table: got {search!r}.")
    if found:
        number = sum(map(len, found.values()))
        raise RunCardError(
            f"A run card must hold known fields and good values: {number} "
            f"{'is' if number == 1 else 'are'} wrong.\n{by_section(found)}"
        )
    changes: dict[str, Any] = {SEARCH: dict(search)}
    _toml(changes[SEARCH])  # a run writes its card when it ends: too late to learn that it cannot
    for name, value in flat.items():
        section = leaf_fields()[name][0]
        if name in PATHS and value is not None:
            value = _located(value, base)
        if section:
            changes[section] = replace(
                changes.get(section, getattr(card, section)), **{name: value}
            )
        else:
            changes[name] = value
    card = replace(card, **changes)
    wrong = conflicts(card)
    if wrong:
        raise RunCardError("Fields of a run card must fit together.\n" + by_section({TOP: wrong}))
    return card


def _located(source: str, base: Path | None) -> str:
    """An absolute path, so that the card means the same wherever it is written to."""
    if source.startswith(REMOTE) or not source:
        return source
    return str((Path.cwd() if base is None else base.absolute()) / Path(source).expanduser())


def card_text(card: RunCard) -> str:
    """The card as TOML: every field that has a value, those with defaults too."""
    lines = [f"{name} = {_toml(value)}" for name, value in _values(card)]
    for section in sections():
        own = getattr(card, section)
        lines += ["", f"[{section}]", *(f"{name} = {_toml(value)}" for name, value in _values(own))]
    if card.search:
        lines += ["", f"[{SEARCH}]"]
        lines += [f"{_key(name)} = {_toml(value)}" for name, value in card.search.items()]
    return "\n".join(lines) + "\n"


def _values(part: Any) -> list[tuple[str, Any]]:
    pairs = [(one.name, getattr(part, one.name)) for one in fields(part)]
    return [(n, v) for n, v in pairs if n in leaf_fields() and v is not None]


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
        case Integral():  # NumPy's numbers too, which write their type beside them
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
