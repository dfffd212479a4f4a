"""Optional packages: the module, or the command that installs it."""

from __future__ import annotations

import json
import os
import sys

import pytest

from distilbert import _install, _lazy
from distilbert.errors import MissingDependencyError


def test_an_installed_package_is_returned():
    assert _lazy.require("json", "read JSON") is json
    assert _lazy.is_available("json")


def test_a_missing_package_is_named_with_purpose_and_command(monkeypatch):
    monkeypatch.setitem(_install.EXTRAS, "no_such_package", "none")
    monkeypatch.setattr(_install, "_place", lambda: ("", "distilbert"))
    with pytest.raises(MissingDependencyError) as caught:
        _lazy.require("no_such_package", "read files")
    assert str(caught.value) == (
        "The package `no_such_package` is needed to read files, but it is not installed: "
        "pip install 'distilbert[none]'"
    )
    assert not _lazy.is_available("no_such_package")
    with pytest.raises(MissingDependencyError, match="pip install other_package"):
        _lazy.require("other_package", "x")


def test_a_broken_installed_package_shows_its_own_error(tmp_path, monkeypatch):
    (tmp_path / "half_installed.py").write_text("import its_missing_part\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="its_missing_part") as caught:
        _lazy.require("half_installed", "x")
    assert not isinstance(caught.value, MissingDependencyError)
    sys.modules.pop("half_installed", None)


def test_a_package_cannot_report_its_import(tmp_path, monkeypatch):
    (tmp_path / "chatty.py").write_text(
        "try:\n    import chatty_reporter as found\nexcept ImportError:\n    found = None\n"
    )
    (tmp_path / "chatty_reporter.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(_lazy.REPORTERS, "chatty", "chatty_reporter")
    assert _lazy.require("chatty", "x").found is None
    assert "chatty_reporter" not in sys.modules
    # A program that imported the reporter itself keeps it.
    del sys.modules["chatty"]
    import chatty_reporter

    assert _lazy.require("chatty", "x").found is chatty_reporter
    assert sys.modules["chatty_reporter"] is chatty_reporter
    for name in ("chatty", "chatty_reporter"):
        del sys.modules[name]


def test_a_missing_framework_is_named_without_importing_anything(monkeypatch):
    lightning = _lazy.Framework("distilbert.lightning", "L", ("json", "no_such_package"))
    monkeypatch.setitem(_lazy.FRAMEWORKS, "lightning", lightning)
    with pytest.raises(MissingDependencyError, match="`no_such_package` is needed to fly"):
        _lazy.require_framework("lightning", "fly")
    _lazy.require_framework("torch", "fly")


@pytest.mark.parametrize(
    "name", ["Trainer", "TrainingArguments", "DataCollatorWithPadding", "get_scheduler"]
)
def test_names_of_transformers_say_where_they_are(name):
    with pytest.raises(ImportError, match=f"`from transformers import {name}`"):
        exec(f"from distilbert import {name}")


@pytest.mark.parametrize(
    ("variables", "seen"),
    [
        ({}, "1000"),
        ({"GOMP_SPINCOUNT": "7"}, "7"),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, None),
    ],
)
def test_threads_of_a_framework_wait_briefly_unless_the_user_chose(
    tmp_path, monkeypatch, variables, seen
):
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    before = dict(os.environ)
    text = 'import os\nfound = os.environ.get("GOMP_SPINCOUNT")\n'
    (tmp_path / "computes.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert _lazy.require("computes", "x").found == seen
    assert os.environ == before
    del sys.modules["computes"]
    monkeypatch.setitem(sys.modules, "torch", _lazy)  # too late
    assert _lazy.import_framework("computes").found == variables.get("GOMP_SPINCOUNT")
    del sys.modules["computes"]
