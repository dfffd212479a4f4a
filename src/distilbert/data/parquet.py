"""Rows of Parquet files, read with the optional package pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from distilbert._lazy import require
from distilbert.data.rows import Row
from distilbert.errors import DataError

BATCH = 1024  # rows held in memory as Python values
# Bytes read at once. By default pyarrow reads all of a row group, which may be the whole file.
BUFFER = 1 << 20
# Equal rows take no space in a file, whatever their number. Those of texts take a byte and more.
MAX_ROWS_PER_BYTE = 8


def read_parquet(file: Any, name: str) -> Iterator[Row]:
    """Rows of a path or binary stream, with values as Python objects; places count from row 1.

    Raises:
        DataError: it is not a Parquet file, or has far more rows than it has content.
        MissingDependencyError: pyarrow is not installed.
    """
    pyarrow = require("pyarrow", "read Parquet files")
    parquet = require("pyarrow.parquet", "read Parquet files")
    # pyarrow's errors, two of them under the names of Python's; times outside of Python's years.
    damaged = (pyarrow.ArrowException, OSError, ValueError, OverflowError)
    try:
        table = parquet.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
        n_rows = table.metadata.num_rows
    except damaged as error:
        raise _not_parquet(name, error) from None
    if isinstance(file, Path) and n_rows > MAX_ROWS_PER_BYTE * file.stat().st_size:
        raise DataError(
            f"Rows must have contents: {name} has {n_rows} rows in {file.stat().st_size} bytes, so "
            f"that almost all are equal. Remove the repeated ones."
        )
    values = _values(table, name, damaged)
    return (Row(value, f"{name} row {number}") for number, value in enumerate(values, 1))


def _values(
    table: Any, name: str, damaged: tuple[type[Exception], ...]
) -> Iterator[dict[str, Any]]:
    try:
        for batch in table.iter_batches(batch_size=BATCH):
            yield from batch.to_pylist()
    except damaged as error:
        raise _not_parquet(name, error) from None


def _not_parquet(name: str, error: Exception) -> DataError:
    reason = str(error).partition("\n")[0].rstrip(".")
    return DataError(f"{name} must be a Parquet file: {reason or type(error).__name__}.")
