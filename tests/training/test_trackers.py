"""Adapters of tracking services, told to stand-ins for their packages."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilbert.errors import InputError, MissingDependencyError
from distilbert.training.trackers import TRACKERS, TensorBoard, flat, new_tracker

CARD = {"seed": 1, "data": {"train": "a.csv", "labels": ("x", "y")}}


class Recorder:
    """A module, or an object of it, whose every function remembers its call."""

    def __init__(self, calls: list[Any], prefix: str = "") -> None:
        self._calls = calls
        self._prefix = prefix

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*args: Any, **keywords: Any) -> Any:
            self._calls.append((self._prefix + name, args, keywords))
            if name == "start_run":
                run_id = keywords["run_id"] or "from-server"
                return SimpleNamespace(info=SimpleNamespace(run_id=run_id))
            return Recorder(self._calls, f"{name}.")

        return call


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    for name in TRACKERS:
        monkeypatch.setitem(sys.modules, name, Recorder(found))  # pyright: ignore
    return found


def test_mlflow_gets_the_card_once_and_the_end(calls: list[Any]) -> None:
    one = new_tracker("mlflow")
    assert one.start(CARD, None) == "from-server"
    one.log(5, {"dev/f1": 0.5})
    one.finish(failed=True)
    assert calls == [
        ("start_run", (), {"run_id": None}),
        ("log_params", ({"seed": 1, "data.train": "a.csv", "data.labels": ("x", "y")},), {}),
        ("log_metrics", ({"dev/f1": 0.5},), {"step": 5}),
        ("end_run", (), {"status": "FAILED"}),
    ]
    calls.clear()
    assert new_tracker("mlflow").start(CARD, "earlier") == "earlier"
    assert calls == [("start_run", (), {"run_id": "earlier"})]


def test_wandb_counts_updates_as_a_value_since_a_resumed_run_goes_back(calls: list[Any]) -> None:
    one = new_tracker("wandb")
    run = one.start(CARD, None)
    one.log(5, {"dev/f1": 0.5})
    one.finish(failed=False)
    (init, *rest) = calls
    assert (init[2]["id"], init[2]["resume"], init[2]["config"]) == (run, "allow", CARD)
    assert rest == [
        ("init.define_metric", ("*",), {"step_metric": "step"}),
        ("init.log", ({"dev/f1": 0.5, "step": 5},), {}),
        ("init.finish", (), {"exit_code": 0}),
    ]
    assert new_tracker("wandb").start(CARD, run) == run


def test_trackio_goes_on_under_the_same_name(calls: list[Any]) -> None:
    one = new_tracker("trackio")
    run = one.start(CARD, None)
    one.log(5, {"dev/f1": 0.5})
    one.finish(failed=False)
    assert (calls[0][2]["name"], calls[0][2]["resume"]) == (run, "allow")
    assert calls[1:] == [("log", ({"dev/f1": 0.5},), {"step": 5}), ("finish", (), {})]
    assert new_tracker("trackio").start(CARD, run) == run


def test_a_tracker_nobody_knows_is_refused() -> None:
    with pytest.raises(InputError, match="`trackers` must be among mlflow, wandb, trackio: got 'x"):
        new_tracker("x")


def test_a_package_that_is_missing_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "trackio", None)  # pyright: ignore
    with pytest.raises(MissingDependencyError, match="pip install trackio"):
        new_tracker("trackio")


def test_tensorboard_hides_what_came_after_the_checkpoint(
    calls: list[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", Recorder(calls))  # pyright: ignore
    one = TensorBoard(tmp_path, 7)
    one.log(8, {"train/loss": 0.5})
    one.finish(failed=False)
    assert calls == [
        ("SummaryWriter", (str(tmp_path),), {"purge_step": 8}),
        ("SummaryWriter.add_scalar", ("train/loss", 0.5, 8), {}),
        ("SummaryWriter.flush", (), {}),
        ("SummaryWriter.close", (), {}),
    ]


def test_nested_values_get_dotted_names() -> None:
    assert flat({"a": 1, "b": {"c": {"d": 2}}}) == {"a": 1, "b.c.d": 2}
