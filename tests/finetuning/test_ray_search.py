"""What is asked of Ray, with a stand-in for it: spaces, processes, notes of trials, cut-offs."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import distilbert.finetuning.finetune as finetuning
from distilbert._install import install_command
from distilbert.data.rows import Row
from distilbert.errors import InputError, MissingDependencyError, TrainingError
from distilbert.finetuning.ray_search import Search, check_packages, run_trial, search
from distilbert.finetuning.search_space import search_space
from distilbert.finetuning.trials import read_trials
from distilbert.training.card_file import card_from

SEARCH = {
    "learning_rate": {"low": 1e-5, "high": 1e-3, "log": True},
    "weight_decay": {"low": 0, "high": 0.1},
    "epochs": {"low": 2, "high": 5, "integer": True},
    "batch_size": {"low": 8, "high": 64, "log": True},
    "freeze": [[], ["embeddings"]],
}
POINT = {"learning_rate": 2e-4, "weight_decay": 0.05, "epochs": 3, "batch_size": 16, "freeze": 1}
VALUES = {**POINT, "freeze": ("embeddings",)}


class FakeRay:
    """Remembers what it is asked; `plays` are the trials that `fit` goes through."""

    def __init__(self) -> None:
        self.running = False
        self.started: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.there = {"CPU": 4.0}
        self.config: Any = None
        self.run: Any = None
        self.space: dict[str, Any] = {}
        self.scheduler: dict[str, Any] | None = None
        self.seed: int | None = None
        self.restored: str | None = None
        self.reports: list[dict[str, Any]] = []
        self.plays: Sequence[tuple[str, Exception | None]] = ()

    def init(self, **options: Any) -> None:
        self.running, self.started, self.environment = True, options, dict(os.environ)

    def shutdown(self) -> None:
        self.running = False

    def tuner(self, run: Any, **options: Any) -> Any:
        self.run, self.space = run, options["param_space"]
        self.config = options["tune_config"]
        self.config.folder = Path(options["run_config"].storage_path)
        recorder = options["run_config"].callbacks[0]
        return SimpleNamespace(fit=lambda: self.fit(recorder))

    def fit(self, recorder: Any) -> None:
        for name, error in self.plays:
            trial = SimpleNamespace(
                trial_id=name,
                config=POINT,
                last_result={"time_total_s": 1.5},
            )
            recorder.on_trial_start(1, [], trial)
            if error is not None and str(error):
                path = self.config.folder / "trials" / name / "error.txt"
                path.write_text(f"{type(error).__name__}: {error}")
            (recorder.on_trial_complete if error is None else recorder.on_trial_error)(1, [], trial)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    plain = SimpleNamespace
    modules: dict[str, dict[str, Any]] = {
        "ray": {
            "init": fake.init,
            "shutdown": fake.shutdown,
            "is_initialized": lambda: fake.running,
            "cluster_resources": lambda: fake.there,
        },
        "ray.tune": {
            "Callback": object,
            "Tuner": type("Tuner", (), {"__new__": lambda cls, *a, **o: fake.tuner(*a, **o)}),
            "TuneConfig": lambda **options: plain(**options),
            "RunConfig": lambda **options: plain(**options),
            "with_resources": lambda run, asked: (run, asked),
            "with_parameters": lambda run, **held: partial(run, **held),
            "choice": lambda values: ("choice", values),
            "report": fake.reports.append,
            "get_context": lambda: plain(get_trial_id=lambda: "t0"),
            **{
                name: lambda low, high, name=name: (name, low, high)
                for name in ("uniform", "loguniform", "randint", "lograndint")
            },
        },
        "ray.tune.schedulers": {
            "ASHAScheduler": lambda **options: ("ASHA", options),
            "FIFOScheduler": lambda: "FIFO",
        },
        "ray.tune.search": {},
        "ray.tune.search.basic_variant": {
            "BasicVariantGenerator": lambda random_state: ("random", random_state)
        },
        "ray.tune.search.optuna": {"OptunaSearch": lambda seed: ("optuna", seed)},
    }
    for name, holds in modules.items():
        module = ModuleType(name)
        vars(module).update(holds)
        monkeypatch.setitem(sys.modules, name, module)
    vars(sys.modules["ray.tune"])["Tuner"].can_restore = staticmethod(lambda folder: False)
    return fake


def plan(output: Path, **changes: Any) -> Search:
    data = {"train": "t.csv", "dev": "d.csv"}
    card = card_from({"seed": 7, "output": str(output), "data": data, "search": SEARCH}, base=None)
    given: dict[str, Any] = {
        "card": card,
        "space": search_space(card),
        "metric": "f1",
        "trials": 2,
        "sampler": "random",
        "early_stopping": True,
        "keep_all": False,
        "cluster": None,
        "cpus": 1.0,
        "gpus": None,
        "resume": False,
        "show_progress": False,
    }
    return Search(**{**given, **changes})


def test_trials_are_asked_of_ray_and_noted_on_the_disk(
    ray: FakeRay, tmp_path: Path, capsys: Any
) -> None:
    ray.plays = [("t0", None), ("t1", TrainingError("no finite number"))]
    search(plan(tmp_path, show_progress=True))
    assert ray.space == {
        "learning_rate": ("loguniform", 1e-5, 1e-3),
        "weight_decay": ("uniform", 0.0, 0.1),
        "epochs": ("randint", 2, 6),
        "batch_size": ("lograndint", 8, 65),
        "freeze": ("choice", [0, 1]),
    }
    assert ray.run[1] == {"cpu": 1.0, "gpu": 0.0}
    assert (ray.config.metric, ray.config.mode, ray.config.num_samples) == ("score", "max", 2)
    assert ray.config.search_alg == ("random", 7)
    assert ray.config.scheduler[0] == "ASHA"
    assert ray.config.scheduler[1]["max_t"] == 6  # no trial is cut off before the end of 5 epochs
    first, second = read_trials(tmp_path, "f1")
    assert (first.values, first.status, first.seconds) == (VALUES, "stopped", 1.5)
    assert (second.status, second.error) == ("failed", "TrainingError: no finite number")
    assert capsys.readouterr().err.splitlines() == ["1/2  t0  stopped", "2/2  t1  failed"]


def test_ray_runs_here_unseen_and_only_as_long_as_needed(ray: FakeRay, tmp_path: Path) -> None:
    ray.plays = [("t0", None), ("t1", None)]
    search(plan(tmp_path))
    assert not ray.running
    assert (ray.started["address"], ray.started["include_dashboard"]) == ("local", False)
    assert ray.started["log_to_driver"] is False
    assert ray.environment["RAY_USAGE_STATS_ENABLED"] == "0"
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ


def test_a_ray_that_runs_already_is_used_and_stays(ray: FakeRay, tmp_path: Path) -> None:
    ray.running, ray.plays = True, [("t0", None), ("t1", None)]
    search(plan(tmp_path))
    assert (ray.running, ray.started) == (True, {})


def test_a_cluster_optuna_and_no_early_stopping(ray: FakeRay, tmp_path: Path) -> None:
    ray.plays, ray.there = [("t0", None)], {"CPU": 64.0, "GPU": 8.0}
    chosen = plan(tmp_path, trials=1, sampler="optuna", early_stopping=False, metric="rmse")
    search(replace(chosen, cluster="ray://head:10001", cpus=8.0))
    assert ray.started["address"] == "ray://head:10001"
    assert ray.run[1] == {"cpu": 8.0, "gpu": 1.0}
    assert ray.config.search_alg == ("optuna", 7)
    assert (ray.config.scheduler, ray.config.mode) == ("FIFO", "min")


@pytest.mark.parametrize(("epochs", "longest"), [([1, 4], 4), (None, 3)])
def test_early_stopping_lets_the_longest_trial_end(
    ray: FakeRay, tmp_path: Path, epochs: list[int] | None, longest: int
) -> None:
    space = {"learning_rate": [1e-5]} if epochs is None else {"epochs": epochs}
    card = card_from({"data": {"dev": "d.csv"}, "search": space}, base=None)
    search(plan(tmp_path, trials=0, space=search_space(card)))
    assert ray.config.scheduler[1]["max_t"] == longest + 1


def test_a_trial_that_fits_no_machine_is_told_and_ray_ends(ray: FakeRay, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        search(plan(tmp_path, cpus=8.0, gpus=1.0))
    assert str(caught.value) == (
        "A trial must fit the machine: got requests for 8 CPUs and 1 GPUs, but 4 and 0 exist. "
        "Reduce `cpus_per_trial` or `gpus_per_trial`."
    )
    assert not ray.running


def test_a_search_that_was_cut_off_says_how_to_go_on(ray: FakeRay, tmp_path: Path) -> None:
    ray.plays = [("t0", None)]
    with pytest.raises(TrainingError, match=r"1 of 2 ended before it was interrupted. .*`resume`"):
        search(plan(tmp_path))


def test_nothing_to_resume_is_told(ray: FakeRay, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="`resume` needs the state of an interrupted search"):
        search(plan(tmp_path, resume=True))


def test_a_trial_trains_with_its_values_and_reports(
    ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def train(card: Any, *, resume: bool, on_scores: Any) -> None:
        asked.update(card=card, resume=resume)
        on_scores(10, {"f1": 0.5, "loss": 1.0})

    monkeypatch.setattr(finetuning, "finetune", train)
    search(plan(tmp_path, trials=0))
    ray.run[0](POINT)
    card = asked["card"]
    assert card.output == str(tmp_path / "trials" / "t0")
    assert (card.seed, card.search, asked["resume"]) == (7, {}, True)
    assert (card.optimization.learning_rate, card.optimization.freeze) == (2e-4, ("embeddings",))
    assert ray.reports == [{"score": 0.5, "step": 10}]


def test_a_trial_trains_on_the_rows_that_the_caller_passed(
    ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}
    monkeypatch.setattr(finetuning, "finetune", lambda card, **options: asked.update(options))
    rows = [Row({"text": "good", "label": "up"}, "train row 1")]
    search(plan(tmp_path, trials=0, memory={"train": rows}))
    ray.run[0](POINT)
    assert (asked["train"], "dev" in asked) == (rows, False)


def test_a_trial_that_fails_leaves_its_reason(
    ray: FakeRay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(card: Any, **options: Any) -> None:
        raise TrainingError("no finite number")

    monkeypatch.setattr(finetuning, "finetune", train)
    values = {"data": {"dev": "d.csv"}, "search": SEARCH}
    with pytest.raises(TrainingError):
        run_trial(POINT, values=values, output=str(tmp_path), metric="f1")
    left = (tmp_path / "trials" / "t0" / "error.txt").read_text(encoding="utf-8")
    assert left == "TrainingError: no finite number"
    ray.plays = [("t1", TrainingError(""))]
    search(plan(tmp_path, trials=1))
    (killed,) = read_trials(tmp_path, "f1")
    assert (
        killed.error == "its process ended without an error message; it may have run out of memory"
    )


def test_a_trial_that_had_finished_is_not_trained_again(ray: FakeRay, tmp_path: Path) -> None:
    folder = tmp_path / "trials" / "t0"
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text("")
    (folder / "config.json").write_text("{}")
    line = {"kind": "scores", "step": 4, "split": "dev", "values": {"f1": 0.25}}
    (folder / "log.jsonl").write_text(json.dumps(line) + "\n")
    run_trial(POINT, values={}, output=str(tmp_path), metric="f1")
    assert ray.reports == [{"score": 0.25}]


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setitem(sys.modules, "ray.tune", None)
    with pytest.raises(MissingDependencyError, match=re.escape(install_command("ray"))):
        check_packages("random")
