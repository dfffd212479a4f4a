"""The log of a run: what is written, what a resumed run keeps, who else is told."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from distilbert.errors import InputError, TrainingError
from distilbert.training import log as module
from distilbert.training.log import LOG_FILE, RunLog, open_log, read_log

DEFAULTS: dict[str, Any] = {
    "tensorboard": False,
    "trackers": (),
    "card": {"seed": 1},
    "total_steps": 10,
    "resume_step": None,
    "show_progress": False,
}


def opened(folder: Path | None, **changes: Any) -> AbstractContextManager[RunLog]:
    return open_log(folder, **{**DEFAULTS, **changes})


class Listener:
    """A tracker that remembers."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def start(self, card: Mapping[str, Any], run: str | None) -> str:
        self.told.append(("start", dict(card), run))
        return run or "run-1"

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.told.append((step, dict(values)))

    def finish(self, *, failed: bool) -> None:
        self.told.append(("finish", failed))


@pytest.fixture
def listener(monkeypatch: pytest.MonkeyPatch) -> Listener:
    one = Listener()
    monkeypatch.setattr(module, "new_tracker", lambda name: one)
    return one


def test_every_line_is_an_object_with_kind_step_and_time(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as log:
        log.train(10, 0.5, {"loss": 0.7})
        log.scores(10, 0.5, "dev", {"f1": math.nan})
        log.advance(11)
        lines = (tmp_path / "out" / LOG_FILE).read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    for line in found:
        assert line.pop("time") > 1.6e9
    assert found == [
        {"kind": "train", "step": 10, "epoch": 0.5, "values": {"loss": 0.7}},
        {"kind": "scores", "step": 10, "epoch": 0.5, "split": "dev", "values": {"f1": None}},
    ]


def test_the_history_is_what_was_told(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.train(1, 0.1, {"loss": 0.7})
        assert [line["values"] for line in log.history()] == [{"loss": 0.7}]


def test_a_resumed_run_keeps_the_lines_up_to_its_checkpoint(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        for step in (1, 2, 3):
            log.train(step, step / 3, {"loss": float(step)})
    with opened(tmp_path, resume_step=2) as log:
        log.train(3, 1.0, {"loss": 30.0})
        assert [line["values"]["loss"] for line in log.history()] == [1.0, 2.0, 30.0]


def test_a_run_that_begins_anew_drops_an_old_log(tmp_path: Path) -> None:
    for _ in range(2):
        with opened(tmp_path) as log:
            log.train(1, 1.0, {"loss": 1.0})
            assert len(log.history()) == 1


def test_a_line_that_was_cut_short_is_left_out(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        log.train(1, 1.0, {"loss": 1.0})
    with (tmp_path / LOG_FILE).open("a") as file:
        file.write('{"kind": "train", "st')
    assert len(read_log(tmp_path / LOG_FILE)) == 1
    with opened(tmp_path, resume_step=1) as log:
        log.train(2, 1.0, {"loss": 2.0})
        assert [line["step"] for line in log.history()] == [1, 2]


@pytest.mark.parametrize("line", ["no json", "[1]", '{"kind": "train"}'])
def test_another_broken_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / LOG_FILE
    path.write_text(f'{{"kind": "train", "step": 0, "text": "grüße"}}\n{line}\n')
    with pytest.raises(TrainingError, match=r"must be a JSON object.*line 2 is"):
        read_log(path)


def test_without_a_folder_nobody_is_told(tmp_path: Path, listener: Listener) -> None:
    with opened(None, trackers=("any",), tensorboard=True) as log:
        log.train(1, 1.0, {"loss": 1.0})
        log.scores(1, 1.0, "dev", {"f1": 1.0})
        log.advance(1)
        assert log.history() == []
    assert listener.told == []
    assert list(tmp_path.iterdir()) == []


def test_trackers_are_told_names_with_their_split(tmp_path: Path, listener: Listener) -> None:
    with opened(tmp_path, trackers=("any",)) as log:
        log.train(5, 0.5, {"loss": 0.7})
        log.scores(5, 0.5, "dev", {"f1": 0.9})
    assert listener.told == [
        ("start", {"seed": 1}, None),
        (5, {"train/loss": 0.7, "epoch": 0.5}),
        (5, {"dev/f1": 0.9, "epoch": 0.5}),
        ("finish", False),
    ]


def test_a_resumed_run_goes_on_with_the_same_run_of_a_tracker(
    tmp_path: Path, listener: Listener
) -> None:
    for resume_step in (None, 0, 0):
        with opened(tmp_path, trackers=("any",), resume_step=resume_step) as log:
            pass
    starts = [told[2] for told in listener.told if told[0] == "start"]
    assert starts == [None, "run-1", "run-1"]
    assert [line["kind"] for line in log.history()] == ["tracker"]


def test_trackers_learn_that_a_run_failed(tmp_path: Path, listener: Listener) -> None:
    with pytest.raises(ValueError, match="boom"), opened(tmp_path, trackers=("any",)):
        raise ValueError("boom")
    assert listener.told[-1] == ("finish", True)


def test_a_tracker_that_cannot_start_ends_those_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Listener()

    def new(name: str) -> Listener:
        if name == "second":
            raise InputError("no such tracker")
        return first

    monkeypatch.setattr(module, "new_tracker", new)
    with pytest.raises(InputError), opened(tmp_path, trackers=("first", "second")):
        pass
    assert first.told[-1] == ("finish", True)


def test_event_files_are_written_where_tensorboardx_is_installed(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    with opened(tmp_path, tensorboard=True) as log:
        log.train(1, 1.0, {"loss": 1.0})
    assert list((tmp_path / "tensorboard").glob("events.out.tfevents.*"))


def test_without_tensorboardx_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "is_available", lambda name: False)
    with opened(tmp_path, tensorboard=True) as log:
        log.train(1, 1.0, {"loss": 1.0})
    assert not (tmp_path / "tensorboard").exists()


def test_the_bar_counts_updates_on_a_terminal_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for forced, shown in (("0", False), ("1", True)):
        monkeypatch.setenv("TTY_COMPATIBLE", forced)
        with opened(tmp_path, show_progress=True) as log:
            log.train(7, 0.7, {"loss": 0.5})
            log.advance(7)
        said = capsys.readouterr()
        assert said.out == ""
        assert ("7/10" in said.err and "loss 0.5000" in said.err) == shown
