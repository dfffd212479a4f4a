"""Options that commands share, and how groups of them reach a command."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated, Any

import typer

from distilbert.checkpoint import hub
from distilbert.cli.options import (
    HubOptions,
    ModelOptions,
    command,
    command_line,
    without_none,
)


def test_only_given_options_become_keywords_that_the_hub_knows():
    assert HubOptions().given() == {}
    given = HubOptions("main", "secret", "/cache", True).given()
    assert hub.HubOptions(**given) == hub.HubOptions(
        revision="main", token="secret", cache_dir="/cache", local_files_only=True
    )


def test_a_group_is_one_parameter_of_the_function_and_many_options_of_the_command():
    seen: list[Any] = []

    @command()
    def show(model: Annotated[str, typer.Argument()], *, loading: ModelOptions) -> None:
        """Show it."""
        seen.append((model, loading))

    options = inspect.signature(show).parameters
    assert list(options)[:3] == ["model", "revision", "token"]
    assert {"framework", "device", "dtype", "batch_tokens"} <= set(options)
    assert options["device"].default is None
    assert (show.__name__, show.__doc__) == ("show", "Show it.")
    given = {name: options[name].default for name in options if name != "model"}
    show(model="m", **{**given, "device": "cpu", "local_files_only": True})
    assert seen == [("m", ModelOptions(device="cpu", local_files_only=True))]
    assert seen[0][1].given() == {"device": "cpu", "local_files_only": True}


def test_without_none_keeps_false_and_zero():
    assert without_none(a=None, b=False, c=0) == {"b": False, "c": 0}


def test_the_command_line_can_be_pasted_into_a_shell(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/distilbert", "evaluate", "a file"])
    assert command_line() == "distilbert evaluate 'a file'"
