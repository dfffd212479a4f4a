"""Rows of data sets of the hub, read with the optional package datasets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distilbert._lazy import require
from distilbert.data.rows import Row
from distilbert.errors import DataError

HUB = "hub:"


def read_hub_set(source: str) -> Iterator[Row]:
    """Rows of `hub:owner/name[/config]:split`; the numbers of labels become their names.

    Raises:
        DataError: the source does not have this form, or the hub does not deliver it.
        MissingDependencyError: datasets is not installed.
    """
    return rows_of_set(load_hub_set(source), source)


def load_hub_set(source: str) -> Any:
    """The data set of the package datasets; its rows are files that are mapped into memory.

    Raises:
        DataError, MissingDependencyError: as `read_hub_set`.
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
        return datasets.load_dataset("/".join(parts[:2]), config, split=split)
    except (OSError, ValueError) as error:
        raise DataError(f"{source} must be a data set of the hub: {error}") from error


def rows_of_set(dataset: Any, source: str) -> Iterator[Row]:
    """Rows of a data set of the package datasets; the numbers of labels become their names."""
    features = dataset.features or {}  # a stream may not know them
    names = {column: _label_names(feature) for column, feature in features.items()}
    labels = {column: found for column, found in names.items() if found is not None}
    for number, values in enumerate(dataset, 1):
        named = {column: _named(values[column], found) for column, found in labels.items()}
        yield Row({**values, **named}, f"{source} row {number}")


def _label_names(feature: Any) -> list[str] | None:
    """Names of the labels of a column that holds a class label or a list of them."""
    return getattr(feature, "names", getattr(getattr(feature, "feature", None), "names", None))


def _named(value: Any, names: list[str]) -> Any:
    """The name of a label, or of each in a list; other values, such as the -1 of hidden labels,
    are returned unchanged."""
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value
