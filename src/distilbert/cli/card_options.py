"""Every field of a run card as an option, with the sentence beneath the field as its help text.

Built from the sections of the run card, so a new field becomes an option by itself.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin

import typer

from distilbert.cli.options import words
from distilbert.heads import TASK_ALIASES

if TYPE_CHECKING:
    from distilbert.training.card import Card

# Titles of the help panels; other sections have their own name as the title.
PANELS = {"": "The run", "lora": "LoRA", "run": "Checkpoints, logs and devices"}
SHORT = {"model": "-m", "output": "-o"}


def card_options(
    kind: type[Card] | None = None, *, without: tuple[str, ...] = (), defaults: bool = True
) -> list[inspect.Parameter]:
    """Options for all fields of a card, except for the fields and sections in `without`.

    `kind` is the class of the card, by default that of fine-tuning. The help of the options shows
    the `defaults` of a card.
    """
    from distilbert.training.card import kind_of
    from distilbert.training.run_card import RunCard

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
                _default_text(name, field.default) if defaults else "",
            ),
        )
        for name, (section, field) in (kind or RunCard).fields().items()
        if not {name, section} & set(without)
    ]


def _default_text(name: str, value: Any) -> str:
    """The default of a field as it would be given; nothing where its description says it."""
    if value is None or value in ("", ()):
        return ""
    if isinstance(value, bool):
        flag = name.replace("_", "-")
        value = f"--{flag}" if value else f"--no-{flag}"
    elif isinstance(value, tuple):
        value = " ".join(map(str, value))
    return f" [default: {value}]"


def _annotation(name: str, kind: Any, panel: str, help_text: str, default_text: str) -> Any:
    part = get_args(kind)[0] if get_origin(kind) is tuple else kind
    allowed = get_args(part) if get_origin(part) is Literal else ()
    if get_origin(kind) is tuple:
        kind, help_text = list[int if part is int else str], f"{help_text} Repeatable."
    elif allowed:  # the help lists the words, and the card checks them
        kind = str
    allowed += tuple(TASK_ALIASES) if name == "task" else ()
    flag = f"--{name.replace('_', '-')}"
    flags = [f"{flag}/--no-{flag[2:]}" if kind is bool else flag]
    flags += [SHORT[name]] if name in SHORT else []
    escaped = f"{help_text}{default_text}".replace("[", r"\[")  # rich would read it as a style
    option = typer.Option(
        *flags,
        help=escaped,
        rich_help_panel=panel,
        show_default=False,
        autocompletion=words(*allowed) if allowed else None,
    )
    return Annotated[kind | None, option]
