"""Rows of one length: pads the columns of a batch.

Knows plain lists only; which length to reach is decided in `call_options.py`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

# What a padded position holds in each column; the ids column takes the tokenizer's padding id.
FILL: dict[str, Any] = {"attention_mask": 0, "special_tokens_mask": 1, "offset_mapping": (0, 0)}


class Padding(NamedTuple):
    """What rows are padded with and on which side: the arguments of `tokenizers.Encoding.pad`."""

    direction: str = "right"
    pad_id: int = 0
    pad_type_id: int = 0
    pad_token: str = "[PAD]"


def pad_columns(
    columns: dict[str, list[Any]], length: int, padding: Padding, main: str = "input_ids"
) -> None:
    """Pad every per-token column of `columns` to `length`; longer rows are not changed.

    `main` names the column of ids. The row lists themselves are not changed, new ones take their
    place.
    """
    fill = {**FILL, main: padding.pad_id, "token_type_ids": padding.pad_type_id}
    missing = [length - len(row) for row in columns[main]]
    for name in fill.keys() & columns.keys():
        value = fill[name]
        if padding.direction == "right":
            padded = [[*row, *[value] * n] for row, n in zip(columns[name], missing, strict=True)]
        else:
            padded = [[*[value] * n, *row] for row, n in zip(columns[name], missing, strict=True)]
        columns[name] = padded
