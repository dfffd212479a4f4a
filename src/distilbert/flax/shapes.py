"""Batches of few shapes. XLA compiles for each shape, so batches of training are padded to a few.

What is added takes no part in any loss: its rows and its labels do not count.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilbert.flax.runner import padded_length
from distilbert.heads import HEADS, IGNORED_LABEL

COUNTS, PLACES = "counts", "places"


def in_few_shapes(
    batch: Mapping[str, np.ndarray],
    head: str,
    *,
    longest: int,
    n_rows: int | None = None,
    multiple: int = 1,
) -> dict[str, np.ndarray]:
    """The batch with rows and columns added, and what counts in it.

    Args:
        longest: the model's longest sequence.
        n_rows: rows of a full batch, to which smaller ones are padded; None takes the next of a
            few sizes.
        multiple: a number that divides the rows of what is returned, such as that of devices.

    Returns:
        The arrays of the batch, integers as int32 and the others as float32; `counts`, bool (B,),
        False for rows that were added. For masked language modelling only the labelled tokens are
        kept of the labels: `places` (B, K) are their columns, `labels` (B, K), -100 behind the
        last.
    """
    rows, length = len(batch["input_ids"]), batch["input_ids"].shape[-1]
    wanted = n_rows if n_rows is not None and n_rows >= rows else few(rows)
    wanted += -wanted % multiple
    columns = padded_length(length, longest)
    per_token = {"input_ids", "attention_mask"} | (
        {"labels"} if HEADS[head].labels_per_token else set()
    )
    out = {
        name: _padded(
            array,
            wanted - rows,
            columns - length if name in per_token else 0,
            fill=IGNORED_LABEL if name == "labels" and name in per_token else 0,
        )
        for name, array in batch.items()
    }
    out[COUNTS] = np.arange(wanted) < rows
    if head == "masked_lm":
        out |= _labelled(out["labels"])
    return out


def few(n: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: at most a third is added."""
    power = 1 << max(0, n - 1).bit_length()
    return power * 3 // 4 if power >= 4 and n <= power * 3 // 4 else power


def _padded(array: np.ndarray, rows: int, columns: int, *, fill: int) -> np.ndarray:
    """So many rows more, and so many columns of the last axis."""
    is_whole = array.dtype.kind in "biu"
    array = array.astype(np.int32 if is_whole else np.float32)
    sides = [(0, rows), *[(0, 0)] * (array.ndim - 1)]
    if columns:
        sides[-1] = (0, columns)
    return np.pad(array, sides, constant_values=fill)


def _labelled(labels: np.ndarray) -> dict[str, np.ndarray]:
    chosen = labels != IGNORED_LABEL
    n = max(1, int(chosen.sum(1).max(initial=0)))
    n = min(few(n), labels.shape[1])
    places = np.argsort(~chosen, axis=1, kind="stable")[:, :n].astype(np.int32)  # (B, K)
    return {PLACES: places, "labels": np.take_along_axis(labels, places, 1)}
