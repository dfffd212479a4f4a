"""The [search] table of a run card, checked, as ranges and choices.

Independent of Ray; trains nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbert.errors import RunCardError
from distilbert.training.card import kind_of
from distilbert.training.card_checks import read_value, unknown_field
from distilbert.training.card_file import with_changes
from distilbert.training.run_card import RunCard

# Fields that decide where a trial writes or what its score means: trials that differ in one of
# these cannot be compared.
FIXED = ("task", "output", "train", "dev", "dev_split", "test", "glue", "problem_type", "metric")
FIXED += ("max_dev_rows", "skip_bad_rows", "labels", "evaluate_every")
# Fields that may name a folder of this machine, which a trial in another folder must find too.
MODELS = ("model", "teacher")
ENDS, FLAGS = ("low", "high"), ("log", "integer")
RANGE_KEYS = (*ENDS, *FLAGS)
EXAMPLE = "{low = 1e-5, high = 5e-4, log = true} or [16, 32, 64]"


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; `log` draws their logarithm evenly."""

    low: float
    high: float
    log: bool
    integer: bool


@dataclass(frozen=True)
class Choice:
    """One of several values; a trial's point holds its number in the list."""

    values: tuple[Any, ...]


Dimension = Range | Choice


def search_space(card: RunCard) -> dict[str, Dimension]:
    """The values that the [search] table of `card` allows, by field.

    Raises:
        RunCardError: the table is empty, a name is not a field that a search may change, a value
            is not a range or list of values of its field, or there are no dev rows; all are named.
    """
    wrong: list[str] = []
    space: dict[str, Dimension] = {}
    if not card.search:
        wrong.append(f"[search] must name fields to vary: got none. Write e.g. name = {EXAMPLE}.")
    if not card.data.dev and card.data.dev_split is None:
        wrong.append(
            "`dev` must name the rows that compare trials, or `dev_split` the fraction of the "
            "training rows that does: got neither."
        )
    for name, given in card.search.items():
        found, sentences = _dimension(name, given)
        wrong += [f"[search] {one}" for one in sentences]
        if found is not None:
            space[name] = found
    if wrong:
        raise RunCardError(
            f"A search must have known fields, good ranges and dev rows: {len(wrong)} "
            f"{'is' if len(wrong) == 1 else 'are'} wrong.\n" + "\n".join(f"  {w}" for w in wrong)
        )
    return space


def values_of(space: Mapping[str, Dimension], point: Mapping[str, Any]) -> dict[str, Any]:
    """Field -> value, for a point as a sampler draws it: numbers of ranges, indices of choices."""
    values: dict[str, Any] = {}
    for name, one in space.items():
        drawn = point[name]
        number = int(drawn) if isinstance(one, Choice) or one.integer else float(drawn)
        values[name] = one.values[int(number)] if isinstance(one, Choice) else number
    return values


def trial_card(card: RunCard, values: Mapping[str, Any], *, output: Path | str) -> RunCard:
    """The card of one trial: `card` with the trial's values and folder, and without a search.

    Raises:
        RunCardError: the values do not fit together.
    """
    return with_changes(card, {**values, "output": str(output), "search": {}})


def with_absolute_models(card: RunCard) -> RunCard:
    """`card` with absolute paths for models that are existing folders, in [search] too."""
    models = {"model": card.model, "teacher": card.distillation.teacher}
    changes: dict[str, Any] = {name: _absolute(model) for name, model in models.items() if model}
    search = {
        name: [_absolute(one) for one in given]
        if name in MODELS and isinstance(given, (list, tuple))
        else given
        for name, given in card.search.items()
    }
    return with_changes(card, {**changes, "search": search})


def _absolute(model: Any) -> Any:
    is_folder = isinstance(model, str) and model != "" and Path(model).is_dir()
    return str(Path(model).absolute()) if is_folder else model


def _dimension(name: str, given: Any) -> tuple[Dimension | None, list[str]]:
    """The meaning of one row of the table, or sentences on what is wrong with it."""
    if name not in RunCard.fields():
        return None, [unknown_field(RunCard, name)]
    if name in FIXED:
        return None, [f"`{name}` must be the same in all trials: leave it out of [search]."]
    if isinstance(given, Mapping):
        return _range(name, given)
    if isinstance(given, (list, tuple)):
        return _choice(name, list(given))
    return None, [f"`{name}` must be a range or a list: got {given!r}. Write e.g. {EXAMPLE}."]


def _range(name: str, given: Mapping[str, Any]) -> tuple[Range | None, list[str]]:
    kind = kind_of(RunCard.fields()[name][1])
    if kind not in (int, float):
        return None, [f"`{name}` is not a number: write a list of values, not a range."]
    sentences = [
        *(
            f"`{name}` must not have `{key}`: a range has {', '.join(RANGE_KEYS)}."
            for key in given
            if key not in RANGE_KEYS
        ),
        *(f"`{name}` must have `{key}`: got none." for key in ENDS if key not in given),
        *(
            f"`{key}` of `{name}` must be true or false: got {given[key]!r}."
            for key in FLAGS
            if not isinstance(given.get(key, False), bool)
        ),
    ]
    integer = given.get("integer") is True or kind is int
    for key in ENDS:
        if key in given:
            value, sentence = read_value(RunCard, name, given[key])
            if sentence is None and integer and value != int(value):
                sentence = f"`{name}` must be a whole number: got {value}."
            sentences += [f"`{key}`: {sentence}"] if sentence else []
    if sentences:
        return None, sentences
    low, high, log = given["low"], given["high"], given.get("log", False)
    if not low < high:
        return None, [f"`low` of `{name}` must be less than `high`: got {low!r} and {high!r}."]
    if log and low <= 0:
        return None, [f"`low` of `{name}` must be more than 0 for `log = true`: got {low!r}."]
    return Range(low, high, log, integer), []


def _choice(name: str, given: list[Any]) -> tuple[Choice | None, list[str]]:
    if not given:
        return None, [f"`{name}` must have at least one value: got an empty list."]
    values, wrong = [], []
    for one in given:
        value, sentence = read_value(RunCard, name, one)
        if sentence is None and value in values:
            sentence = f"`{name}` must have every value once: got {one!r} again."
        wrong += [sentence] if sentence else []
        values.append(value)
    return (None, wrong) if wrong else (Choice(tuple(values)), [])
