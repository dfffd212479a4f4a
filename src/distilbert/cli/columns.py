"""Which columns of input rows are the fields that a task reads: named, remembered or guessed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from distilbert.errors import InputError

Input = str | dict[str, Any]

# Fields of a run card that name columns which prediction reads too.
REMEMBERED = ("text", "text_pair", "question", "context", "prompt", "tokens")


@dataclass(frozen=True)
class Fields:
    """The fields that a task reads, and the columns from which a model learned them.

    `guessed` also takes the columns that fine-tuning would take for a text or a second text.
    """

    names: Sequence[str] = ("text",)
    remembered: Mapping[str, str] = field(default_factory=dict)
    guessed: bool = False

    def chosen_by(self, options: Sequence[str]) -> dict[str, str]:
        """Field -> column, from options such as "text=review".

        Raises:
            InputError: an option has another form, or names no field.
        """
        pairs = [option.partition("=") for option in options]
        for name, equals, column in pairs:
            if not (name and equals and column):
                raise InputError(f"`--field` must look like text=sentence: got {name + equals!r}.")
            if name not in self.names:
                near = difflib.get_close_matches(name, self.names, 1)
                hint = f" Did you mean {near[0]}={column}?" if near else ""
                raise InputError(
                    f"`--field` must name one of {', '.join(self.names)}: got {name!r}.{hint}"
                )
        names = [name for name, *_ in pairs]
        if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
            raise InputError(f"`--field` must name a field once: got several {', '.join(twice)}.")
        return {name: column for name, _, column in pairs}

    def renamed(self, row: Input, chosen: Mapping[str, str]) -> Input:
        """A row with the columns of its fields under the names of the fields."""
        if not isinstance(row, dict):
            if chosen:
                raise InputError("`--field` needs rows with columns: got a text.")
            return row
        for column in chosen.values():
            if column not in row:
                raise InputError(
                    f"Every row must have the column {column!r}: got {', '.join(row)}."
                )
        columns = {**self._found(row, chosen), **chosen}
        taken = set(columns.values())
        others = {name: value for name, value in row.items() if name not in taken}
        return others | {name: row[column] for name, column in columns.items()}

    def _found(self, row: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, str]:
        """Columns of fields that were not chosen: remembered, called like their field, or usual."""
        from distilbert.tasks.columns import first_column
        from distilbert.tasks.sequence_classification.rows import PAIRS, TEXTS

        names = [name for name in self.names if name not in chosen]
        known = {name: self.remembered.get(name) for name in names}
        found = {name: column for name, column in known.items() if column and column in row}
        open_ = [name for name in names if name not in found and name not in row]
        if self.guessed and "text" in open_ and "text" not in self.remembered:
            usual = {"text": first_column(TEXTS, list(row))}
            if "text_pair" in open_:
                usual["text_pair"] = first_column(PAIRS, list(row))
            found |= {name: column for name, column in usual.items() if column}
        return found


def remembered_columns(folder: Path | None) -> dict[str, str]:
    """Field -> column, as the card in the folder of a fine-tuned model names them."""
    from distilbert.finetuning.result import CARD_FILE
    from distilbert.training.card_file import read_result_card

    if folder is None or not (folder / CARD_FILE).is_file():
        return {}
    data = read_result_card(folder / CARD_FILE).data
    named = {name: getattr(data, name) for name in REMEMBERED}
    if len(data.choices) == 1:
        named["choices"] = data.choices[0]
    else:  # multiple choice reads one column per choice under such names
        named |= {f"choice{number}": column for number, column in enumerate(data.choices)}
    return {name: column for name, column in named.items() if column is not None}
