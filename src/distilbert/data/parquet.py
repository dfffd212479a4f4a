"""Rows of Parquet files, through the optional package pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from distilbert._lazy import require
from distilbert.data.rows import Row
from distilbert.errors import DataError

BATCH = 1024  # rows in memory as Python values at once


def read_parquet(path: Path, name: str) -> Iterator[Row]:
    """Rows with values as plain Python has them; a place counts rows from 1.

    Raises:
        DataError: there is no such file, or it is no Parquet file.
        MissingDependencyError: pyarrow is not installed.
    """
    if not path.is_file():
        raise DataError(f"Data must be a file that exists, or hub:owner/name:split: got {name}.")
    parquet = require("pyarrow.parquet", "read Parquet files")
    try:
        file = parquet.ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are children of these
        raise DataError(f"{name} must be a Parquet file: {error}") from None
    return _rows(file, name)


def _rows(file: object, name: str) -> Iterator[Row]:
    number = 0
    for batch in file.iter_batches(batch_size=BATCH):  # type: ignore[attr-defined]
        for values in batch.to_pylist():
            number += 1
            yield Row(values, f"{name} row {number}")
