"""Every field of a run card as an option of a verb, with the sentence beneath it as its help.

Built from the dataclasses, so a new field needs nothing here.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

PANELS = {
    "": "The run",
    "data": "Data",
    "windows": "Task",
    "optimization": "Optimization",
    "lora": "LoRA",
    "distillation": "Distillation",
    "run": "Evaluation, logs and reports",
}
SHORT = {"model": "-m", "output": "-o"}


def with_card_options(
    verb: Callable[..., None], *, without: tuple[str, ...] = ()
) -> Callable[..., None]:
    """`verb` as a command that also takes all fields of a card, but for those in `without`.

    Fields arrive among its `**fields`; those that were not given are left out.
    """
    own = [
        parameter
        for parameter in inspect.signature(verb, eval_str=True).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    taken = {parameter.name for parameter in own} | set(without)
    options = [option for option in _options() if option.name not in taken]
    names = {option.name for option in options}

    def command(**values: Any) -> None:
        given = {
            name: value
            for name, value in values.items()
            if name not in names or value not in (None, [], ())
        }
        verb(**given)

    command.__name__ = verb.__name__
    command.__doc__ = verb.__doc__
    signature = inspect.Signature([*own, *options])
    command.__signature__ = signature  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
    return command


def _options() -> list[inspect.Parameter]:
    from distilbert.training.card_file import leaf_fields

    told = sentences()
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=None,
            annotation=_annotation(name, kind, PANELS[section], told[name]),
        )
        for name, (section, kind) in leaf_fields().items()
    ]


def _annotation(name: str, kind: Any, panel: str, help_text: str) -> Any:
    kinds = [one for one in get_args(kind) if one is not type(None)]
    if get_origin(kind) is tuple:
        kind, help_text = list[str], f"{help_text} Repeatable."
    elif kinds:
        kind = kinds[0]
    flag = f"--{name.replace('_', '-')}"
    declared = [f"{flag}/--no-{flag[2:]}"] if kind is bool else [flag]
    declared += [SHORT[name]] if name in SHORT else []
    escaped = help_text.replace("[", r"\[")  # rich would read it as a style
    option = typer.Option(*declared, help=escaped, rich_help_panel=panel, show_default=False)
    return Annotated[kind | None, option]


def sentences() -> dict[str, str]:
    """What stands beneath each field of a card in its source, in one line."""
    from distilbert.training import run_card

    tree = ast.parse(Path(run_card.__file__).read_text(encoding="utf-8"))
    found = {}
    for part in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for line, below in zip(part.body, part.body[1:], strict=False):
            match line, below:
                case ast.AnnAssign(target=ast.Name(name)), ast.Expr(ast.Constant(str(text))):
                    found[name] = " ".join(text.split())
    return found
