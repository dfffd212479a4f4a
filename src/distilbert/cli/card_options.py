"""Every field of a run card as an option, with the sentence beneath the field as its help text.

Built from the sections of the run card, so a new field becomes an option by itself.
"""

from __future__ import annotations

import inspect
from typing import Annotated, Any, Literal, get_origin

import typer

# Titles of the help panels; other sections have their own name as the title.
PANELS = {"": "The run", "lora": "LoRA", "run": "Checkpoints, logs and devices"}
SHORT = {"model": "-m", "output": "-o"}


def card_options(*, without: tuple[str, ...] = ()) -> list[inspect.Parameter]:
    """Options for all fields of a card, except for the fields and sections in `without`."""
    from distilbert.training.run_card import card_fields, kind_of

    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(
                name,
                kind_of(field),
                PANELS.get(section, section.capitalize()),
                " ".join((field.description or "").split()),
            ),
        )
        for name, (section, field) in card_fields().items()
        if not {name, section} & set(without)
    ]


def _annotation(name: str, kind: Any, panel: str, help_text: str) -> Any:
    if get_origin(kind) is tuple:
        kind, help_text = list[str], f"{help_text} Repeatable."
    elif get_origin(kind) is Literal:  # the help lists the words, and the card checks them
        kind = str
    flag = f"--{name.replace('_', '-')}"
    flags = [f"{flag}/--no-{flag[2:]}" if kind is bool else flag]
    flags += [SHORT[name]] if name in SHORT else []
    escaped = help_text.replace("[", r"\[")  # rich would read it as a style
    option = typer.Option(*flags, help=escaped, rich_help_panel=panel, show_default=False)
    return Annotated[kind | None, option]
