"""Which columns of input rows are the fields that a task reads: named, remembered or guessed."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbert.errors import InputError

if TYPE_CHECKING:
    from distilbert.training.run_card import DataSection

Input = str | dict[str, Any]

# Fields of a run card that name columns which prediction reads too.
# Fields that are texts; a missing one is empty, as the empty cell of a CSV file is.
TEXTS = ("text", "text_pair", "question", "context")
REMEMBERED = ("text", "text_pair", "question", "context", "tokens")


@dataclass(frozen=True)
class Fields:
    """The fields that a task reads, and what the card of a run says about the rows of its model.

    `guessed` also takes the columns that fine-tuning would take for a text or a second text.
    """

    names: Sequence[str] = ("text",)
    data: DataSection | None = None
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
        found = others | {name: row[column] for name, column in columns.items()}
        empty = {name: "" for name in TEXTS if name in self.names and found.get(name, "") is None}
        return found | empty

    def _found(self, row: Mapping[str, Any], chosen: Mapping[str, str]) -> dict[str, str]:
        """Columns of fields that were not chosen: remembered, called like their field, or usual."""
        from distilbert.tasks.sequence_classification.rows import text_columns

        names = [name for name in self.names if name not in chosen]
        remembered = self._remembered()
        found: dict[str, str] = {}
        for name in names:
            column = next((one for one in remembered.get(name, ()) if one in row), None)
            if column is not None:
                found[name] = column
        open_ = [name for name in names if name not in found and name not in row]
        if self.guessed and "text" in open_ and "text" not in remembered:
            text, pair = text_columns(list(row), pairs="text_pair" in open_)
            found |= {"text": text} if text else {}
            found |= {"text_pair": pair} if pair else {}
        return found

    def _remembered(self) -> dict[str, tuple[str, ...]]:
        """Field -> the columns that the run read as this field, in order of preference."""
        from distilbert.data.glue import glue_task

        if self.data is None:
            return {}
        glue = glue_task(self.data.glue) if self.data.glue else None
        named = {name: getattr(self.data, name) for name in REMEMBERED}
        of_glue = {name: getattr(glue, name, ()) for name in REMEMBERED}
        found = {n: (named[n],) if named[n] is not None else of_glue[n] for n in REMEMBERED}
        return {name: columns for name, columns in found.items() if columns}


@dataclass(frozen=True)
class ChoiceFields(Fields):
    """The prompt and the choices of rows, which fine-tuning reads in many forms."""

    names: Sequence[str] = ("prompt", "question", "choices")

    def renamed(self, row: Input, chosen: Mapping[str, str]) -> Input:
        """A row with `prompt` and `choices` in place of the columns that they are read from."""
        from distilbert.tasks.multiple_choice.rows import ChoiceColumns

        if not isinstance(row, dict) or any(column not in row for column in chosen.values()):
            return super().renamed(row, chosen)
        prompt = chosen.get("prompt", chosen.get("question"))
        choices = (chosen["choices"],) if "choices" in chosen else ()
        columns = ChoiceColumns(prompt, choices)
        if self.data is not None:
            prompt = prompt or (self.data.prompt if self.data.prompt in row else None)
            choices = choices or tuple(name for name in self.data.choices if name in row)
            missing = columns.missing if self.data.missing is None else self.data.missing
            columns = ChoiceColumns(prompt, choices, missing=missing)
        columns = columns.named_in(list(row))
        found, _ = columns.choices_of(row)
        if columns.prompt is None or not found:
            return row  # the task says what is missing
        read = {columns.prompt, columns.beginning, *columns.choices}
        others = {name: value for name, value in row.items() if name not in read}
        return {**others, "prompt": row[columns.prompt], "choices": found}


def remembered_data(folder: Path | None) -> DataSection | None:
    """What the card in the folder of a fine-tuned model says about its rows, if there is one."""
    from distilbert.training.card_file import read_result_card
    from distilbert.training.run_folder import CARD_FILE

    if folder is None or not (folder / CARD_FILE).is_file():
        return None
    return read_result_card(folder / CARD_FILE).data
