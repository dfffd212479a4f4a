"""Trials of a search on the disk: what each tried, how it ended, and its scores.

A trial is the output folder of one run, `<output>/trials/<id>`, with `trial.json` next to its log.
The state of a search is thus in its files, readable from every machine that shares the disk.
Independent of Ray.
"""

from __future__ import annotations

import csv
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distilbert.checkpoint.atomic import atomic_file
from distilbert.tasks.task import higher_is_better
from distilbert.training.checkpoints import FOLDER as CHECKPOINTS
from distilbert.training.log import LOG_FILE, read_log
from distilbert.training.run_folder import is_finished

TRIALS, TRIAL_FILE = "trials", "trial.json"
JSON_FILE, CSV_FILE = "trials.json", "trials.csv"
# How a trial ended: with a complete result folder; by early stopping; by an error; not yet.
FINISHED, STOPPED, FAILED, UNFINISHED = "finished", "stopped", "failed", "unfinished"
# Files of weights, in every format that a framework may write.
WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.h5", "*.msgpack")


@dataclass(frozen=True)
class Trial:
    """One run of a search.

    `score` is the best of `scores`, which holds (updates, score on dev) of every evaluation; None
    without one. `values` maps fields of the card to what was tried.
    """

    id: str
    values: dict[str, Any]
    status: str
    score: float | None
    scores: tuple[tuple[int, float], ...]
    seconds: float
    folder: Path
    error: str | None

    @property
    def steps(self) -> int:
        """Updates until the last evaluation."""
        return self.scores[-1][0] if self.scores else 0


def write_trial(
    folder: Path,
    values: Mapping[str, Any],
    *,
    ended: bool = False,
    error: str | None = None,
    seconds: float = 0.0,
) -> None:
    """Record in the folder of a trial what it tries, and whether and how it ended."""
    folder.mkdir(parents=True, exist_ok=True)
    status = UNFINISHED
    if ended:
        status = FAILED if error else FINISHED if is_finished(folder) else STOPPED
    record = {"values": dict(values), "status": status, "error": error, "seconds": seconds}
    with atomic_file(folder / TRIAL_FILE) as temporary:
        temporary.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")


def read_trials(output: Path, metric: str) -> tuple[Trial, ...]:
    """All trials that were started, sorted by id; `metric` is the score that compares them."""
    best = max if higher_is_better(metric) else min
    trials = []
    for path in sorted((output / TRIALS).glob(f"*/{TRIAL_FILE}")):
        record = json.loads(path.read_text(encoding="utf-8"))
        for name, value in record["values"].items():
            record["values"][name] = tuple(value) if isinstance(value, list) else value
        scores = dev_scores(path.parent, metric)
        score = best((score for _, score in scores if math.isfinite(score)), default=None)
        folder = path.parent
        trials.append(Trial(id=folder.name, folder=folder, score=score, scores=scores, **record))
    return tuple(trials)


def dev_scores(folder: Path, metric: str) -> tuple[tuple[int, float], ...]:
    """(updates, score) of every evaluation on dev while the run trained, from its log."""
    path = folder / LOG_FILE
    lines = read_log(path) if path.is_file() else []
    scored = [line for line in lines if line["kind"] == "scores" and line["split"] == "dev"]
    values = [line["values"].get(metric) for line in scored]
    return tuple(
        (line["step"], math.nan if value is None else float(value))
        for line, value in zip(scored, values, strict=True)
    )


def ranked(trials: Sequence[Trial], metric: str) -> list[Trial]:
    """Trials from the best score to the worst, those without one at the end."""
    sign = -1.0 if higher_is_better(metric) else 1.0
    return sorted(trials, key=lambda one: (one.score is None, sign * (one.score or 0.0), one.id))


def best_trial(trials: Sequence[Trial], metric: str) -> Trial | None:
    """The best of those that finished; of equals the first. Only these hold a model."""
    finished = [one for one in trials if one.status == FINISHED and one.score is not None]
    return next(iter(ranked(finished, metric)), None)


def drop_losers(trials: Sequence[Trial], best: Trial | None) -> None:
    """Delete the weights of all trials that ended, but for the best; scores and logs stay."""
    for trial in trials:
        if trial.status != UNFINISHED and (best is None or trial.id != best.id):
            shutil.rmtree(trial.folder / CHECKPOINTS, ignore_errors=True)
            for pattern in WEIGHTS:
                for path in trial.folder.glob(pattern):
                    path.unlink(missing_ok=True)


def write_trials(output: Path, trials: Sequence[Trial], about: Mapping[str, Any]) -> None:
    """Write `trials.json` (`about` and all trials) and `trials.csv` (a line per trial, in which
    the values of a list are joined by spaces)."""
    rows = [asdict(one) for one in trials]
    for row in rows:
        row["folder"] = str(row["folder"].relative_to(output))
        row["scores"] = [[n, None if math.isnan(score) else score] for n, score in row["scores"]]
    with atomic_file(output / JSON_FILE) as temporary:
        text = json.dumps({**about, "trials": rows}, indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    names = list(dict.fromkeys(name for one in trials for name in one.values))
    with (
        atomic_file(output / CSV_FILE) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["trial", "status", "score", "updates", "seconds", *names, "error"])
        for one in trials:
            values = [value_text(one.values.get(name)) for name in names]
            facts = [one.id, one.status, one.score, one.steps, one.seconds]  # None is an empty cell
            writer.writerow([*facts, *values, one.error])


def value_text(value: Any) -> str:
    """A value of a field as a word or number; nothing for None, "none" for an empty list."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
