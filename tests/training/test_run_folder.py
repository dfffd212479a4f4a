"""A run may write into its folder, or says why not; it begins with its card."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from distilbert.checkpoint import atomic
from distilbert.errors import CheckpointError, InputError, TrainingError
from distilbert.training.card_file import as_card
from distilbert.training.result import run_contents
from distilbert.training.run_card import RunCard
from distilbert.training.run_folder import (
    CARD_FILE,
    begin_run,
    card_of_run,
    check_run_folder,
    interruptible,
    is_finished,
    named_full_disk,
)

RUN = run_contents()


def test_a_run_is_finished_once_its_last_file_is_there(tmp_path: Path) -> None:
    (tmp_path / CARD_FILE).write_text("")
    assert not is_finished(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert is_finished(tmp_path)


def check(output: Path, *, resume: bool = False, overwrite: bool = False) -> None:
    how = {"resume": resume, "overwrite": overwrite}
    check_run_folder(output, RUN, **how, sources=(), start="model")


def test_a_run_needs_a_new_folder_or_one_to_continue_or_replace(tmp_path: Path) -> None:
    check(tmp_path / "new")
    with pytest.raises(InputError, match="either `resume` or `overwrite`"):
        check(tmp_path, resume=True, overwrite=True)
    (tmp_path / CARD_FILE).write_text("")
    check(tmp_path, resume=True)
    check(tmp_path, overwrite=True)
    with pytest.raises(InputError, match="must be a new or empty folder"):
        check(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="To train it further, set `model` to"):
        check(tmp_path, resume=True)


def test_a_run_to_resume_must_be_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    (tmp_path / CARD_FILE).write_text("")
    monkeypatch.setattr(atomic.os, "mkdir", full)
    with pytest.raises(CheckpointError, match="Read-only file system"):
        check(tmp_path, resume=True)


def test_a_run_begins_with_its_card_and_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("teacher").mkdir()
    card = as_card(None, {"model": "owner/name", "teacher": "teacher", "output": "out"})
    sources = {"model": card.model, "teacher": card.distillation.teacher}
    begin_run(card, Path("out"), RUN, overwrite=False, sources=sources)
    found = card_of_run({"output": "out"}, RunCard, start="model")
    assert found is not None
    assert found.model == "owner/name"
    assert found.distillation.teacher == str(tmp_path / "teacher")
    (tmp_path / "out" / "log.jsonl").write_text("")
    begin_run(card, Path("out"), RUN, overwrite=True, sources={})
    assert [path.name for path in Path("out").iterdir()] == [CARD_FILE]


def test_only_a_run_that_left_its_card_is_resumed_by_its_folder(tmp_path: Path) -> None:
    assert card_of_run({"output": tmp_path, "model": "m"}, RunCard, start="model") is None
    with pytest.raises(InputError, match="`resume` needs the `output` of an interrupted run"):
        card_of_run({"output": tmp_path}, RunCard, start="model")


def test_an_interruption_says_how_to_continue_and_a_full_disk_which_folder(tmp_path: Path) -> None:
    told = pytest.raises(KeyboardInterrupt, match="distilbert adapt --resume --output")
    with told, interruptible("adapt", tmp_path):
        raise KeyboardInterrupt
    with pytest.raises(TrainingError, match=str(tmp_path)), named_full_disk(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
