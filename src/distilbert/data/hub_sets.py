"""Rows of data sets of the hub, through the optional package datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from distilbert._lazy import require
from distilbert.data.rows import Row
from distilbert.errors import DataError

HUB = "hub:"


def read_hub_set(source: str) -> Iterator[Row]:
    """Rows of `hub:owner/name[/config]:split`; numbers of labels become their names.

    Raises:
        DataError: the source does not look so, or the hub does not deliver it.
        MissingDependencyError: datasets is not installed.
    """
    place, _, split = source.removeprefix(HUB).partition(":")
    parts = place.split("/")
    if not split or not all(parts) or len(parts) > 3:
        raise DataError(
            f"A data set of the hub must look like hub:owner/name[/config]:split: got {source}."
        )
    datasets = require("datasets", "read data sets of the hub")
    config = parts[2] if len(parts) == 3 else None
    try:
        rows = datasets.load_dataset("/".join(parts[:2]), config, split=split)
    except (OSError, ValueError) as error:
        raise DataError(f"{source} must be a data set of the hub: {error}") from error
    return _rows(rows, source)


def _rows(dataset: Any, source: str) -> Iterator[Row]:
    namers = {name: _namer(feature) for name, feature in dataset.features.items()}
    renamed: Mapping[str, Callable[[Any], Any]] = {
        name: namer for name, namer in namers.items() if namer is not None
    }
    for number, values in enumerate(dataset, 1):
        named = {name: namer(values[name]) for name, namer in renamed.items()}
        yield Row({**values, **named}, f"{source} row {number}")


def _namer(feature: Any) -> Callable[[Any], Any] | None:
    """What turns the numbers of a class label, or of a list of them, into names."""
    names = getattr(feature, "names", None)
    if names is not None:
        return lambda value: _named(value, names)
    inner = getattr(getattr(feature, "feature", None), "names", None)
    if inner is not None:
        return lambda values: values and [_named(value, inner) for value in values]
    return None


def _named(value: Any, names: list[str]) -> Any:
    """A name; the value itself where it is no number of a name, as the -1 of hidden labels."""
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value
