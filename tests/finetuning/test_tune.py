"""A search from card to best model: with a stand-in for the trials, and once with real Ray."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

import distilbert.finetuning.tune as tuning
from distilbert.errors import InputError, RunCardError, TrainingError
from distilbert.finetuning.ray_search import Search
from distilbert.finetuning.trials import write_trial
from distilbert.finetuning.tune import TuneResult, tune
from distilbert.training.card_file import read_card

SEARCH = {"learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "epochs": [1, 4]}


def card(data: Path, output: Path, **changes: Any) -> dict[str, Any]:
    return {
        "task": "text-classification",
        "model": "owner/name",
        "output": str(output),
        "data": {split: str(data / f"sentiment.{split}.jsonl") for split in ("train", "dev")},
        "search": SEARCH,
        **changes,
    }


class Trials:
    """Stands in for Ray: each score is that of a trial that finished, None of one that failed."""

    def __init__(self, scores: Sequence[float | None]) -> None:
        self.scores: Sequence[float | None] = scores
        self.plan: Search | None = None

    def __call__(self, plan: Search) -> None:
        self.plan = plan
        for number, score in enumerate(self.scores):
            folder = plan.output / "trials" / f"t{number}"
            folder.mkdir(parents=True, exist_ok=True)
            if score is not None:
                line = {"kind": "scores", "step": 3, "split": "dev", "values": {"accuracy": score}}
                (folder / "log.jsonl").write_text(json.dumps(line) + "\n")
                (folder / "card.toml").write_text("")
                (folder / "config.json").write_text("{}")
                (folder / "model.safetensors").write_text("weights")
            values = {"learning_rate": 1e-3 * (number + 1), "epochs": 4.0}
            error = "TrainingError: no finite number" if score is None else None
            write_trial(folder, values, ended=True, error=error, seconds=1.0)


@pytest.fixture
def trials(monkeypatch: pytest.MonkeyPatch) -> Trials:
    stand_in = Trials([0.5, None, 0.75, 0.25])
    monkeypatch.setattr(tuning, "search", stand_in)
    monkeypatch.setattr(tuning, "check_packages", lambda sampler: None)
    return stand_in


def test_the_best_trial_gives_model_card_and_tables(
    trials: Trials, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    result = tune(card(data, out, seed=9), trials=4, gpus_per_trial=0.5)
    assert (result.metric, result.higher_is_better) == ("accuracy", True)
    assert (result.best.id, result.best.score) == ("t2", 0.75)
    assert result.model == out / "trials" / "t2"
    assert [path.parent.name for path in out.rglob("*.safetensors")] == ["t2"]
    best = read_card(result.card_file)
    assert (best.optimization.learning_rate, best.optimization.epochs) == (0.003, 4.0)
    assert (best.seed, best.search, best.output) == (9, {}, "")
    table = json.loads((out / "trials.json").read_text(encoding="utf-8"))
    assert (table["best"], table["seed"], len(table["trials"])) == ("t2", 9, 4)
    assert len((out / "trials.csv").read_text(encoding="utf-8").splitlines()) == 5
    assert result.plot is None or result.plot.read_bytes().startswith(b"\x89PNG")
    assert trials.plan is not None
    assert (trials.plan.trials, trials.plan.output) == (4, out)
    assert (trials.plan.cluster, trials.plan.cpus, trials.plan.gpus) == (None, 1.0, 0.5)


def test_all_weights_stay_if_asked_for(trials: Trials, data: Path, tmp_path: Path) -> None:
    rates = {"learning_rate": SEARCH["learning_rate"]}
    tune(card(data, tmp_path / "out"), keep_all=True, epochs=3, search=rates)
    assert len(list(tmp_path.rglob("*.safetensors"))) == 3
    assert trials.plan is not None
    assert (trials.plan.trials, trials.plan.card.optimization.epochs) == (20, 3)
    assert list(trials.plan.space) == ["learning_rate"]


def test_a_search_of_failures_tells_the_first(trials: Trials, data: Path, tmp_path: Path) -> None:
    trials.scores = [None, None]
    with pytest.raises(TrainingError) as caught:
        tune(card(data, tmp_path / "out"), trials=2)
    assert str(caught.value) == (
        "A search must have a trial that finishes with a score: none of 2 did. The first of 2 "
        "that failed: TrainingError: no finite number"
    )
    assert (tmp_path / "out" / "trials.json").is_file()


def test_only_the_same_search_is_resumed(trials: Trials, data: Path, tmp_path: Path) -> None:
    given = card(data, tmp_path / "out")
    with pytest.raises(InputError, match="`resume` needs an interrupted search"):
        tune(given, resume=True)
    tune(given, trials=4)
    with pytest.raises(InputError, match="`output` must be a new or empty folder"):
        tune(given, trials=4)
    with pytest.raises(InputError, match="'card', 'trials', 'sampler' differ"):
        tune(given, resume=True, trials=5, sampler="optuna", seed=1)
    tune(given, resume=True)
    assert trials.plan is not None
    assert (trials.plan.resume, trials.plan.trials) == (True, 4)


def test_a_search_is_replaced_on_request(trials: Trials, data: Path, tmp_path: Path) -> None:
    given = card(data, tmp_path / "out")
    tune(given, trials=4)
    with pytest.raises(InputError, match="either `resume` or `overwrite`"):
        tune(given, resume=True, overwrite=True)
    trials.scores = [0.5]
    assert [one.id for one in tune(given, trials=1, overwrite=True).trials] == ["t0"]
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"only the folder of a search: .* contains notes\.txt"):
        tune(given, trials=1, overwrite=True)


@pytest.mark.parametrize("kind", ["DataFrame", "list", "Dataset"])
def test_rows_may_be_passed_instead_of_files(
    trials: Trials, data: Path, tmp_path: Path, kind: str
) -> None:
    kinds: dict[str, Callable[[list[Any]], Any]] = {"list": list}
    kinds["DataFrame"] = pytest.importorskip("pandas").DataFrame
    kinds["Dataset"] = pytest.importorskip("datasets").Dataset.from_list
    rows = [{"text": word, "label": label} for word, label in (("good", "up"), ("bad", "down"))]
    given = card(data, tmp_path / "out")
    tune(given, trials=4, train=kinds[kind](rows), dev=kinds[kind](rows))
    assert trials.plan is not None
    for split in ("train", "dev"):
        assert [row.values for row in trials.plan.memory[split]] == rows
    assert trials.plan.card.data.train == (f"memory:{kind} of 2 rows",)
    tune(given, resume=True, train=kinds[kind](rows), dev=kinds[kind](rows))
    with pytest.raises(InputError, match="'the rows of dev' differ"):
        tune(given, resume=True, train=kinds[kind](rows), dev=kinds[kind](rows[::-1]))


def test_a_search_is_not_resumed_with_other_rows(
    trials: Trials, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data, tmp_path / "data")
    given = card(tmp_path / "data", tmp_path / "out")
    tune(given, trials=4)
    path = tmp_path / "data" / "sentiment.dev.jsonl"
    path.write_text("".join(path.read_text("utf-8").splitlines(True)[:-1]), "utf-8")
    with pytest.raises(InputError, match="settings: 'the rows of dev' differ from"):
        tune(given, resume=True)


def test_wrong_options_are_told_before_anything_begins(
    trials: Trials, data: Path, tmp_path: Path
) -> None:
    given = card(data, tmp_path / "out")
    with pytest.raises(InputError) as caught:
        tune(given, trials=0, sampler="grid", cpus_per_trial=0, gpus_per_trial=-1)
    assert str(caught.value) == (
        "`trials` must be 1 or more: got 0. `sampler` must be one of random, optuna: got 'grid'. "
        "`cpus_per_trial` must be more than 0: got 0. `gpus_per_trial` must be 0 or more: got -1."
    )
    for name in ("output", "model"):
        with pytest.raises(RunCardError, match=f"`{name}` must name"):
            tune(given, **{name: ""})
    with pytest.raises(RunCardError, match="`learning_rat` is not a field"):
        tune(given, search={"learning_rat": [1]})
    assert not (tmp_path / "out").exists()
    assert trials.plan is None


RUN = """
import json, sys
from distilbert import tune
given = json.loads(sys.argv[1])
with open(given["data"].pop("train")) as lines:
    rows = [json.loads(line) for line in lines]
result = tune(given, trials=2, train=rows)
print(json.dumps([str(result.model), result.best.score, [t.status for t in result.trials]]))
"""


def test_real_ray_finds_a_model(encoder: Path, data: Path, tmp_path: Path) -> None:
    """In a process of its own, so that nothing of Ray stays behind."""
    pytest.importorskip("ray.tune")
    given = card(
        data,
        tmp_path / "out",
        model=str(encoder),
        framework="torch",
        optimization={"batch_size": 16},
        inputs={"max_length": 32},
        evaluation={"bootstrap": 10},
        run={"tensorboard": False, "report": False, "device": "cpu"},
    )
    ran = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(given)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert ran.returncode == 0, ran.stderr
    model, score, statuses = json.loads(ran.stdout.splitlines()[-1])
    assert len(statuses) == 2
    assert set(statuses) <= {"finished", "stopped"}
    assert [str(path.parent) for path in (tmp_path / "out").rglob("*.safetensors")] == [model]
    report = json.loads((Path(model) / "report.json").read_text(encoding="utf-8"))
    assert report["splits"]["dev"]["scores"]["accuracy"] == score
    table = json.loads((tmp_path / "out" / "trials.json").read_text(encoding="utf-8"))
    finished = [one["score"] for one in table["trials"] if one["status"] == "finished"]
    assert score == max(finished)


def test_the_result_is_public() -> None:
    import distilbert

    assert (distilbert.tune, distilbert.TuneResult) == (tune, TuneResult)
