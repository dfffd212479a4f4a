"""Rows with given numbers."""

from __future__ import annotations

from typing import Any

from distilbert.benchmarking.result import Row, Spread


def spread(seconds: float) -> Spread:
    """A median with quartiles of 1 % around it."""
    return Spread(seconds, 0.99 * seconds, 1.01 * seconds, 9)


def row(
    name: str,
    dtype: str = "float32",
    *,
    texts: float = 1.0,
    short: float = 0.01,
    long: float = 0.1,
    **more: Any,
) -> Row:
    """A row whose answers are those of the reference, unless `difference` says otherwise."""
    single = {16: spread(short), 128: spread(long)}
    more = {"difference": 0.0, "steps": (f"use {name}",), **more}
    return Row(name=name, dtype=dtype, single=single, texts=spread(texts), **more)
