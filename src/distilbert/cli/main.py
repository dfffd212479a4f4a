"""The `distilbert` command: which verbs there are, and what happens when one fails.

Each verb has a file of its own and imports what it needs only when it runs, so that `--help` stays
quick.
"""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from typing import Annotated

import typer

import distilbert
from distilbert.cli.convert import convert
from distilbert.cli.embed import embed
from distilbert.cli.evaluate import evaluate
from distilbert.cli.finetune import finetune
from distilbert.cli.info import info
from distilbert.cli.predict import predict
from distilbert.cli.quickstart import quickstart
from distilbert.cli.tokens import tokenize
from distilbert.cli.tune import tune
from distilbert.errors import DistilBertError

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
for verb in (quickstart, predict, finetune, evaluate, tune, embed, tokenize, convert, info):
    app.command()(verb)


def _print_version(wanted: bool) -> None:
    if wanted:
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
        typer.Option("--debug", help="Show tracebacks; may stand anywhere on the line."),
    ] = False,
) -> None:
    pass


def main(argv: list[str] | None = None) -> int:
    """Run one command line (without the program's name) and return its exit code."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    # TensorFlow would report every processor feature and missing GPU driver on standard error.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            app(args=arguments, prog_name="distilbert")
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        print(_sentence(error), file=sys.stderr)
        return FAILED
    return 0


def _show_warning(message: Warning | str, *_: object) -> None:
    print(f"Warning: {message}", file=sys.stderr)


def _sentence(error: Exception) -> str:
    if isinstance(error, (DistilBertError, OSError)):
        return f"Error: {error}"
    kind = type(error).__name__
    return f"Error (unexpected, please report it; --debug shows where): {kind}: {error}"


if __name__ == "__main__":
    sys.exit(main())
