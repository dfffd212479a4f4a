"""Rows of Parquet files, read with the optional package pyarrow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distilbert._lazy import require
from distilbert.data.rows import Row
from distilbert.errors import DataError

BATCH = 1024  # rows held in memory as Python values
# Bytes read at once. By default pyarrow reads all of a row group, which may be the whole file.
BUFFER = 1 << 20


def read_parquet(file: Any, name: str) -> Iterator[Row]:
    """Rows of a path or binary stream, with values as Python objects; places count from row 1.

    Raises:
        DataError: it is not a Parquet file.
        MissingDependencyError: pyarrow is not installed.
    """
    parquet = require("pyarrow.parquet", "read Parquet files")
    try:
        table = parquet.ParquetFile(file, buffer_size=BUFFER, pre_buffer=False)
    except (OSError, ValueError) as error:  # the parents of pyarrow's errors
        raise DataError(f"{name} must be a Parquet file: {error}") from None
    rows = (row for batch in table.iter_batches(batch_size=BATCH) for row in batch.to_pylist())
    return (Row(values, f"{name} row {number}") for number, values in enumerate(rows, 1))
