"""The program: help, version, exit codes, and errors of one sentence."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import distilbert
from distilbert.cli import main as command_line
from distilbert.cli.predict import TASKS
from distilbert.cli.rows import FORMATS
from distilbert.data import sources
from distilbert.pipelines import factory
from distilbert.pipelines.factory import ALIASES

ROOT = Path(__file__).resolve().parents[2]
VERBS = (
    "distill",
    "adapt",
    "compare",
    "quickstart",
    "predict",
    "finetune",
    "evaluate",
    "tune",
    "embed",
    "tokenize",
)
VERBS += ("benchmark", "convert", "export", "quantize", "info", "vocab")


def test_help_lists_every_verb_and_each_verb_shows_examples(run):
    shown = run("--help")
    assert shown.code == 0
    for verb in VERBS:
        assert verb in shown.out
        help_text = run(verb, "--help")
        assert help_text.code == 0
        assert "Examples" in help_text.out
        assert f"distilbert {verb}" in help_text.out
        for recipe in re.findall(r"recipes/\S+\.toml", help_text.out):
            assert (ROOT / recipe).is_file()
    assert set(VERBS) == {command.__name__ for command in command_line.COMMANDS}


def test_help_shows_defaults(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "300")
    shown = run("finetune", "--help").out
    for text in ("[default: 128]", "[default: 5e-05]", "[default: --report]", "Repeatable. [def"):
        assert text in shown
    assert "[default: 128]" not in run("evaluate", "--help").out  # that of the model's run
    assert "by default first." in run("predict", "--help").out


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("predict s", ["sentiment-analysis"]),
        ("predict ner --framework t", ["torch", "tensorflow"]),
        ("predict ner --input-format c", ["csv", "conll"]),
        ("finetune --task q", ["question-answering", "qa"]),
        ("finetune --trackers m", ["mlflow"]),
        ("evaluate --data-format j", ["jsonl", "json"]),
        ("convert --head sequence", ["sequence_classification"]),
        ("finetune --train t", []),  # the shell then offers files
    ],
)
def test_the_shell_completes_the_values_of_options(run, monkeypatch, line, found):
    monkeypatch.setenv("_DISTILBERT_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", f"distilbert {line}")
    monkeypatch.setenv("COMP_CWORD", str(len(line.split())))
    assert run().out.split() == found


def test_tasks_and_formats_that_the_shell_offers_exist():
    assert {ALIASES.get(task, task) for task in TASKS} <= {*factory.TASKS}
    assert FORMATS == sources.FORMATS


def test_version_is_the_package_version(run):
    assert run("--version").out == f"distilbert {distilbert.__version__}\n"


def test_the_help_of_tune_names_the_table_it_needs(run):
    assert run("tune", "--help").out.count("[search]") >= 2


def test_no_verb_shows_help_and_a_wrong_line_exits_with_2(run):
    assert "Usage" in run().out + run().err
    assert run("predikt").code == 2
    assert run("predict").code == 2


def test_an_expected_error_is_one_sentence_without_a_traceback(run, tmp_path):
    ran = run("info", tmp_path / "nothing")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("Error: A model source must be an existing folder or file")
    assert "Traceback" not in ran.err
    assert len(ran.err.strip().splitlines()) == 1


def test_messages_name_options_where_the_library_names_arguments(run, tmp_path):
    ran = run("tokenize", "-m", "x", "--input", "-", "--input-format", "xml", stdin=b"")
    assert ran.err.startswith("Error: `--input-format` must be one of csv, tsv,")
    (tmp_path / "rows.jsonl").write_text('{"body": "a", "label": "x"}\n')
    ran = run("finetune", "--train", tmp_path / "rows.jsonl", "--dry-run")
    assert "`--text` must name a column of the data, which has: body, label." in ran.err
    assert "skip" not in ran.err  # no row has the column
    message = "A row needs the key `question`: got `other`; see `context`."
    assert command_line._with_options(message, "predict") == (
        "A row needs the key `question`: got `other`; see `--context`."
    )
    assert command_line._with_options(message, "") == message


def test_debug_anywhere_on_the_line_shows_the_traceback(run, tmp_path):
    for line in (
        ("--debug", "info", tmp_path / "nothing"),
        ("info", tmp_path / "nothing", "--debug"),
    ):
        ran = run(*line)
        assert ran.code == 1
        assert "Traceback" in ran.err


def test_an_unexpected_error_says_so_and_an_interrupt_exits_with_130(run, monkeypatch):
    def bug(**_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(command_line, "app", bug)
    ran = run("info")
    assert ran.code == 1
    assert ran.err == (
        "Error (unexpected, please report it; --debug shows where): "
        "ZeroDivisionError: division by zero\n"
    )

    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command_line, "app", interrupt)
    assert run("info").code == 130


def test_an_interrupted_command_says_how_to_continue(run, monkeypatch):
    import distilbert.finetuning.finetune as finetuning

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt("Continue so.")

    monkeypatch.setattr(finetuning, "finetune", interrupt)
    ran = run("finetune", "-m", "x")  # through typer, which has an exit of its own for it
    assert (ran.code, ran.err) == (130, "Interrupted. Continue so.\n")


@pytest.mark.parametrize("line", [["--help"], ["predict", "--help"], ["info"]])
def test_help_and_info_load_no_framework(line):
    code = (
        "import sys; from distilbert.cli.main import main; "
        f"assert main({line!r}) == 0; "
        "bad = {'torch', 'tensorflow', 'jax', 'transformers'} & set(sys.modules); "
        "assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
