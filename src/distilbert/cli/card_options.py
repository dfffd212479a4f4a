"""Every field of a run card as an option, with the sentence beneath the field as its help text.

Built from the dataclasses of the run card, so a new field becomes an option by itself.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

# Titles of the help panels; other sections have their own name as the title.
PANELS = {"": "The run", "windows": "Task", "lora": "LoRA", "run": "Evaluation, logs and reports"}
SHORT = {"model": "-m", "output": "-o"}


def card_options(*, without: tuple[str, ...] = ()) -> list[inspect.Parameter]:
    """Options for all fields of a card, except for the fields and sections in `without`."""
    from distilbert.training.card_file import leaf_fields

    helps = sentences()
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(
                name, kind, PANELS.get(section, section.capitalize()), helps[name]
            ),
        )
        for name, (section, kind) in leaf_fields().items()
        if not {name, section} & set(without)
    ]


def _annotation(name: str, kind: Any, panel: str, help_text: str) -> Any:
    kinds = [inner for inner in get_args(kind) if inner is not type(None)]
    if get_origin(kind) is tuple:
        kind, help_text = list[str], f"{help_text} Repeatable."
    elif kinds:
        kind = kinds[0]
    flag = f"--{name.replace('_', '-')}"
    flags = [f"{flag}/--no-{flag[2:]}" if kind is bool else flag]
    flags += [SHORT[name]] if name in SHORT else []
    escaped = help_text.replace("[", r"\[")  # rich would read it as a style
    option = typer.Option(*flags, help=escaped, rich_help_panel=panel, show_default=False)
    return Annotated[kind | None, option]


def sentences() -> dict[str, str]:
    """The string beneath each field of a card in its source file, on one line."""
    from distilbert.training import run_card

    tree = ast.parse(Path(run_card.__file__).read_text(encoding="utf-8"))
    texts = {}
    for section in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for line, below in zip(section.body, section.body[1:], strict=False):
            match line, below:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    texts[name] = " ".join(text.split())
    return texts
