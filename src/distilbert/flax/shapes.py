"""Padding batches to a few shapes, since XLA compiles for each one.

Padding changes no output and no loss: added tokens are masked, added rows and labels are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from distilbert.heads import HEADS, IGNORED_LABEL

# Entries that `pad_batch` adds to a batch.
IS_ROW, POSITIONS = "is_row", "positions"
# The shortest length a batch is padded to; the next ones are 3/2 and 2 times as long, and so on.
SHORTEST = 16


def padded_length(length: int, longest: int) -> int:
    """The next of 16, 24, 32, 48, 64, 96, ..., at most the model's longest.

    In the worst case a third of a row is padding.
    """
    return max(length, min(padded_size(max(length, SHORTEST)), longest))


def padded_rows(rows: int) -> int:
    """The next power of two; 0 for no rows."""
    return 1 << (rows - 1).bit_length() if rows else 0


def padded_size(n: int) -> int:
    """The next of 1, 2, 3, 4, 6, 8, 12, 16, 24, ...: at most a third is padding."""
    power = 1 << max(0, n - 1).bit_length()
    return power * 3 // 4 if power >= 4 and n <= power * 3 // 4 else power


def pad_batch(
    batch: Mapping[str, np.ndarray],
    head: str,
    *,
    longest: int,
    n_rows: int | None = None,
    multiple: int = 1,
) -> dict[str, np.ndarray]:
    """A batch of training with added rows and columns.

    Args:
        longest: the model's greatest length.
        n_rows: rows of a full batch, to which smaller ones are padded; None takes the next of a
            few sizes.
        multiple: what the number of rows must be divisible by, such as the number of devices.

    Returns:
        The arrays of the batch, integers as int32 and others as float32; `is_row`, bool (B,), False
        for added rows. For masked language modelling `labels` (B, K) are those of the labelled
        tokens alone, `positions` (B, K) their columns, with -100 after the last.
    """
    rows, length = len(batch["input_ids"]), batch["input_ids"].shape[-1]
    size = n_rows if n_rows is not None and n_rows >= rows else padded_size(rows)
    size += -size % multiple
    columns = padded_length(length, longest)
    per_token = ["input_ids", "attention_mask"]
    per_token += ["labels"] if HEADS[head].labels_per_token else []
    out = {
        name: _padded(
            array,
            size - rows,
            columns - length if name in per_token else 0,
            fill=IGNORED_LABEL if name == "labels" and name in per_token else 0,
        )
        for name, array in batch.items()
    }
    out[IS_ROW] = np.arange(size) < rows
    if head == "masked_lm":
        out |= _labelled_tokens(out["labels"])
    return out


def _padded(array: np.ndarray, rows: int, columns: int, *, fill: int) -> np.ndarray:
    """The array with rows added, and columns on the last axis."""
    array = array.astype(np.int32 if array.dtype.kind in "biu" else np.float32)
    sides = [(0, rows), *[(0, 0)] * (array.ndim - 1)]
    if columns:
        sides[-1] = (0, columns)
    return np.pad(array, sides, constant_values=fill)


def _labelled_tokens(labels: np.ndarray) -> dict[str, np.ndarray]:
    has_label = labels != IGNORED_LABEL
    n = max(1, int(has_label.sum(1).max(initial=0)))
    n = min(padded_size(n), labels.shape[1])
    positions = np.argsort(~has_label, axis=1, kind="stable")[:, :n].astype(np.int32)  # (B, K)
    return {POSITIONS: positions, "labels": np.take_along_axis(labels, positions, 1)}
