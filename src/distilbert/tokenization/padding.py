"""Rows of one length: fills the columns of a batch up with padding.

Knows plain lists only; which length to reach is decided in `call_options.py`.
"""

from __future__ import annotations

from typing import Any

# What a padded position holds in each column; the ids column takes the tokenizer's padding id.
FILL: dict[str, Any] = {"attention_mask": 0, "special_tokens_mask": 1, "offset_mapping": (0, 0)}


def pad_columns(
    columns: dict[str, list[Any]],
    length: int,
    *,
    side: str,
    pad_id: int,
    pad_type_id: int,
) -> None:
    """Pad every per-token column of `columns` to `length`; longer rows stay as they are.

    The row lists themselves are not changed, new ones take their place.
    """
    fill = {**FILL, "input_ids": pad_id, "token_type_ids": pad_type_id}
    missing = [length - len(row) for row in columns["input_ids"]]
    for name in fill.keys() & columns.keys():
        value = fill[name]
        if side == "right":
            padded = [[*row, *[value] * n] for row, n in zip(columns[name], missing, strict=True)]
        else:
            padded = [[*[value] * n, *row] for row, n in zip(columns[name], missing, strict=True)]
        columns[name] = padded
