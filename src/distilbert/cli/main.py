"""The `distilbert` program: its commands, and what happens when one fails.

Each command is in a file that imports what it needs only when it runs, so that `--help` is fast.
"""

from __future__ import annotations

import io
import os
import re
import sys
import traceback
import warnings
from typing import Annotated, Any

import typer

import distilbert
from distilbert.cli.benchmark import benchmark
from distilbert.cli.compare import compare
from distilbert.cli.convert import convert
from distilbert.cli.distill import adapt, distill
from distilbert.cli.embed import embed
from distilbert.cli.evaluate import evaluate
from distilbert.cli.export import export
from distilbert.cli.finetune import finetune
from distilbert.cli.info import info
from distilbert.cli.options import CommandWithoutRepeats
from distilbert.cli.predict import predict
from distilbert.cli.quantize import quantize
from distilbert.cli.quickstart import quickstart
from distilbert.cli.tokens import tokenize
from distilbert.cli.tune import tune
from distilbert.cli.vocab import vocab
from distilbert.errors import DistilBertError, RunCardError

# Exit codes: 0 done, 1 failed, 2 wrong command line (typer's own), 130 interrupted.
FAILED, INTERRUPTED = 1, 130

app = typer.Typer(
    name="distilbert",
    help=(
        "DistilBERT on the command line: from a BERT checkpoint to predictions. "
        "Start with: distilbert quickstart"
    ),
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
COMMANDS = (quickstart, predict, finetune, evaluate, tune, distill, adapt, compare)
COMMANDS += (embed, tokenize, vocab, convert, export, benchmark, quantize, info)
for command in COMMANDS:
    app.command(cls=CommandWithoutRepeats)(command)


def _print_version(value: bool) -> None:
    if value:
        print(f"distilbert {distilbert.__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show tracebacks; allowed anywhere on the line."),
    ] = False,
) -> None:
    pass


def main(argv: list[str] | None = None) -> int:
    """Run a command line, given without the program's name, and return the exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    # Otherwise TensorFlow prints processor features and missing GPU drivers on standard error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for stream in (sys.stdout, sys.stderr):  # a text may hold what their encoding does not have
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app(args=arguments, prog_name="distilbert")
    except SystemExit as stop:
        if (interrupt := _interrupt_behind(stop)) is not None:
            print(f"Interrupted. {interrupt}".strip(), file=sys.stderr)
            return INTERRUPTED
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt as stop:
        print(f"Interrupted. {stop}".strip(), file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(_sentence(error, arguments[0] if arguments else ""), file=sys.stderr)
        return FAILED
    return 0


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"Warning: {message}", file=sys.stderr)


def _interrupt_behind(stop: BaseException) -> KeyboardInterrupt | None:
    """The interrupt that typer turned into this exit, whose message says how to continue."""
    error: BaseException | None = stop
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _sentence(error: Exception, command: str) -> str:
    if isinstance(error, RunCardError):  # its fields have the same names in cards and options
        return f"Error: {error}"
    if isinstance(error, (DistilBertError, OSError)):
        return f"Error: {_with_options(str(error), command)}"
    kind = type(error).__name__
    return f"Error (unexpected, please report it; --debug shows where): {kind}: {error}"


def _with_options(message: str, command: str) -> str:
    """`message` with options instead of the arguments and fields that the library names."""
    commands: dict[str, Any] = getattr(typer.main.get_command(app), "commands", {})
    parameters = commands[command].params if command in commands else []
    options = {part.name: part.opts[0] for part in parameters if part.opts[0].startswith("--")}
    # A key is part of the data, even if an option has the same name.
    return re.sub(
        r"(?<!key )`(\w+)`", lambda found: f"`{options.get(found[1], found[1])}`", message
    )


if __name__ == "__main__":
    sys.exit(main())
