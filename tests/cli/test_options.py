"""Options that commands share, and how groups of them reach a command."""

from __future__ import annotations

import inspect
import os
import sys
from types import SimpleNamespace
from typing import Annotated, Any

import typer

from distilbert.checkpoint import hub
from distilbert.cli import options
from distilbert.cli.options import (
    HubOptions,
    ModelOptions,
    command,
    command_line,
    start_tensorflow,
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

    shown = inspect.signature(show).parameters
    assert list(shown)[:3] == ["model", "revision", "token"]
    assert {"framework", "device", "dtype", "batch_tokens"} <= set(shown)
    assert shown["device"].default is None
    assert (show.__name__, show.__doc__) == ("show", "Show it.")
    given = {name: shown[name].default for name in shown if name != "model"}
    show(model="m", **{**given, "device": "cpu", "local_files_only": True})
    assert seen == [("m", ModelOptions(device="cpu", local_files_only=True))]
    assert seen[0][1].given() == {"device": "cpu", "local_files_only": True}


def test_without_none_keeps_false_and_zero():
    assert without_none(a=None, b=False, c=0) == {"b": False, "c": 0}


def test_the_command_line_can_be_pasted_into_a_shell(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/distilbert", "evaluate", "a file"])
    assert command_line() == "distilbert evaluate 'a file'"


def test_an_option_given_twice_is_refused_unless_it_collects(run, tmp_path):
    ran = run("finetune", "--seed", "1", "--seed", "2")
    assert ran.code == 2
    assert "`--seed` must be given once" in " ".join(ran.err.split())
    assert run("finetune", "--report", "--no-report").code == 2
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"text,label\n{name},{name}\n")
    files = [part for name in "ab" for part in ("--train", tmp_path / f"{name}.csv")]
    ran = run("finetune", *files, "--dry-run")
    assert ran.code == 0
    assert "# Rows:    2 training rows" in ran.out


def test_an_option_of_another_trainer_suggests_ours(run):
    for theirs, ours in (("--lr", "--learning-rate"), ("--num_train_epochs", "--epochs")):
        ran = run("finetune", theirs, "1")
        assert ran.code == 2
        assert f"(Possible options: {ours})" in " ".join(ran.err.split())


def test_notes_of_tensorflow_do_not_reach_standard_error(monkeypatch, capfd):
    def constant(value: float) -> None:
        os.write(2, b"I0000 Could not find cuda drivers")

    monkeypatch.setitem(sys.modules, "tensorflow", SimpleNamespace(constant=constant))
    start_tensorflow()
    os.write(2, b"an error")
    assert capfd.readouterr().err == "an error"
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    start_tensorflow()  # an installation without it is reported later


def test_tensorflow_is_started_only_for_a_command_that_runs_it(monkeypatch):
    started: list[str] = []
    monkeypatch.setattr(options, "start_tensorflow", lambda: started.append("yes"))

    @command()
    def show(*, loading: ModelOptions) -> None:
        """Show it."""

    given = {name: part.default for name, part in inspect.signature(show).parameters.items()}
    show(**{**given, "framework": "torch"})
    show(**given)
    assert started == []
    show(**{**given, "framework": "tensorflow"})
    assert started == ["yes"]


def test_tensorflow_is_started_for_a_card_that_names_it(monkeypatch, tmp_path):
    started: list[str] = []
    monkeypatch.setattr(options, "start_tensorflow", lambda: started.append("yes"))
    (tmp_path / "card.toml").write_text('framework = "tensorflow"\n')

    @command()
    def show(
        *,
        card: str | None = None,
        output: str | None = None,
        resume: bool = False,
        framework: str | None = None,
    ) -> None:
        """Show it."""

    given = {name: part.default for name, part in inspect.signature(show).parameters.items()}
    show(**{**given, "card": str(tmp_path / "card.toml")})
    show(**{**given, "resume": True, "output": str(tmp_path)})
    assert len(started) == 2
    show(**{**given, "output": str(tmp_path)})
    show(**{**given, "card": str(tmp_path / "card.toml"), "framework": "torch"})
    show(**{**given, "card": str(tmp_path / "none.toml")})
    assert len(started) == 2
