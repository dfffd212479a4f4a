"""Checkpoints of a run: whole or absent, the newest few, never another run's."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from distilbert.errors import CheckpointError, TrainingError
from distilbert.training import checkpoints as module
from distilbert.training.checkpoints import PROGRESS, Checkpoints, Progress, remove_checkpoints

RUN = {"train": "a0", "seed": 1, "epochs": 2.0}
ARRAYS = {"weights.a": np.arange(6, dtype=np.float32).reshape(2, 3), "step.a": np.float32(3)}
ARRAYS = {name: np.asarray(array) for name, array in ARRAYS.items()}


def test_a_checkpoint_comes_back_bit_for_bit(tmp_path: Path) -> None:
    progress = Progress(RUN, step=3, best_score=0.5, best_step=2, pending={"loss": 0.1})
    store = Checkpoints(tmp_path, keep=2)
    path = store.save(ARRAYS, progress)
    arrays, found = store.load(path, RUN)
    assert found == progress
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)


def test_only_the_newest_stay(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path, keep=2)
    for step in (1, 2, 10):
        store.save(ARRAYS, Progress(RUN, step=step))
    assert [path.name for path in store.all()] == ["step-00000002", "step-00000010"]
    newest = store.newest()
    assert newest is not None
    assert newest.name == "step-00000010"


def test_a_half_written_checkpoint_is_none(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path, keep=2)
    store.save(ARRAYS, Progress(RUN, step=1))
    (tmp_path / "checkpoints" / "step-00000002").mkdir()
    assert [path.name for path in store.all()] == ["step-00000001"]


def test_the_checkpoints_behind_a_link_go_with_it_and_nothing_else_does(tmp_path: Path) -> None:
    output, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    for folder in (output, elsewhere):
        folder.mkdir()
    (output / "checkpoints").symlink_to(elsewhere)
    Checkpoints(output, keep=2).save(ARRAYS, Progress(RUN, step=1))
    (elsewhere / "notes.txt").write_text("mine")
    remove_checkpoints(output)
    assert not list(output.iterdir())
    assert [path.name for path in elsewhere.iterdir()] == ["notes.txt"]


def test_no_folder_means_no_checkpoint(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "new", keep=1).newest() is None


def test_a_run_does_not_go_on_from_anothers_checkpoint(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path, keep=2)
    path = store.save(ARRAYS, Progress({**RUN, "train": "b0"}, step=1))
    rule = r"data and model of the interrupted run: seed, train differ from those that .*Restore"
    with pytest.raises(TrainingError, match=rule):
        store.load(path, RUN | {"train": "a9", "seed": 2})


def test_a_broken_file_of_arrays_is_named(tmp_path: Path) -> None:
    store = Checkpoints(tmp_path, keep=2)
    path = store.save(ARRAYS, Progress(RUN, step=1))
    (path / "state.safetensors").write_bytes(b"\x05")
    with pytest.raises(CheckpointError):
        store.load(path, RUN)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_keeps_the_last_good_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    store = Checkpoints(tmp_path, keep=1)
    store.save(ARRAYS, Progress(RUN, step=1))

    def full(*_: object) -> None:
        raise OSError(number, "No space left on device")

    monkeypatch.setattr(module, "write", full)
    with pytest.raises(TrainingError, match=r"step-00000001 is kept\. Free some space, then"):
        store.save(ARRAYS, Progress(RUN, step=2))
    assert [path.name for path in store.all()] == ["step-00000001"]
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]


def test_other_errors_of_the_disk_stay_themselves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(module, "write", refused)
    with pytest.raises(PermissionError):
        Checkpoints(tmp_path, keep=1).save(ARRAYS, Progress(RUN, step=2))


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"identity": 1}', '{"identity": {}, "step": "3"}', '{"self": 1}']
)
def test_an_edited_file_of_progress_is_named(tmp_path: Path, text: str) -> None:
    checkpoints = Checkpoints(tmp_path, keep=2)
    path = checkpoints.save({}, Progress(identity={}))
    (path / PROGRESS).write_text(text)
    with pytest.raises(CheckpointError, match=r"progress\.json` must be"):
        checkpoints.load(path, {})
