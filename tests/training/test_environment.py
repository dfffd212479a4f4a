"""What a report says about the machine."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
from importlib.metadata import version
from typing import Any

import pytest

from distilbert.training import environment as module
from distilbert.training.environment import environment, is_main_process


def test_versions_are_those_of_the_installed_packages() -> None:
    found = environment()
    assert found["python"] == platform.python_version()
    assert found["packages"]["numpy"] == version("numpy")
    assert "transformers" not in found["packages"]
    assert found["cores"] >= 1
    json.dumps(found)


def test_no_user_and_no_folder_is_named() -> None:
    found = environment()
    text = json.dumps([found[name] for name in ("cpu", "gpus", "packages", "git_commit")])
    assert "/home" not in text
    assert platform.node() not in text or len(platform.node()) < 4
    assert f'"{getpass.getuser()}"' not in text


@pytest.mark.parametrize("error", [FileNotFoundError(), subprocess.TimeoutExpired("git", 5)])
def test_tools_that_are_missing_or_hang_leave_gaps(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def run(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(module.subprocess, "run", run)
    found = environment()
    assert (found["git_commit"], found["gpus"]) == (None, [])


def test_gpus_and_the_commit_are_what_the_tools_print(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"nvidia-smi": "GPU A\nGPU B\n", "git": "abc123\n"}

    def run(command: tuple[str, ...], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 0, said[command[0]], "")

    monkeypatch.setattr(module.subprocess, "run", run)
    found = environment()
    assert (found["git_commit"], found["gpus"]) == ("abc123", ["GPU A", "GPU B"])


def test_of_the_processes_of_torchrun_the_first_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    assert is_main_process()
    for rank, prints in (("0", True), ("1", False)):
        monkeypatch.setenv("RANK", rank)
        assert is_main_process() is prints
