"""Trials of a search on the disk: what each tried, how it ended, and its scores.

A trial is the output folder of one run, `<output>/trials/<id>`, with `trial.json` next to its log.
The state of a search is thus in its files, readable from every machine that shares the disk.
Independent of Ray.
"""

from __future__ import annotations

import csv
import io
import json
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from distilbert.checkpoint.atomic import atomic_file
from distilbert.finetuning.result import CARD_FILE
from distilbert.training.checkpoints import FOLDER as CHECKPOINTS
from distilbert.training.log import LOG_FILE, read_log
from distilbert.training.session import BEST

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
    record = {"values": dict(values), "ended": ended, "error": error, "seconds": seconds}
    with atomic_file(folder / TRIAL_FILE) as temporary:
        temporary.write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")


def read_trials(output: Path, *, metric: str, higher_is_better: bool) -> tuple[Trial, ...]:
    """All trials that were started, sorted by id."""
    folders = sorted(path.parent for path in (output / TRIALS).glob(f"*/{TRIAL_FILE}"))
    return tuple(_read_trial(folder, metric, higher_is_better) for folder in folders)


def _read_trial(folder: Path, metric: str, higher_is_better: bool) -> Trial:
    record = json.loads((folder / TRIAL_FILE).read_text(encoding="utf-8"))
    scores = dev_scores(folder, metric)
    finite = [score for _, score in scores if math.isfinite(score)]
    return Trial(
        id=folder.name,
        values={name: _value(value) for name, value in record["values"].items()},
        status=_status(folder, record),
        score=(max(finite) if higher_is_better else min(finite)) if finite else None,
        scores=scores,
        seconds=record["seconds"],
        folder=folder,
        error=record["error"],
    )


def _status(folder: Path, record: Mapping[str, Any]) -> str:
    if record["error"] is not None:
        return FAILED
    if not record["ended"]:
        return UNFINISHED
    return FINISHED if is_finished(folder) else STOPPED


def _value(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def is_finished(folder: Path) -> bool:
    """Whether the run ended with a complete result."""
    return (folder / CARD_FILE).is_file()


def dev_scores(folder: Path, metric: str) -> tuple[tuple[int, float], ...]:
    """(updates, score) of every evaluation on dev while the run trained, from its log."""
    path = folder / LOG_FILE
    lines = read_log(path) if path.is_file() else []
    return tuple(
        (line["step"], _number(line["values"].get(metric)))
        for line in lines
        if line["kind"] == "scores" and line["split"] == "dev"
    )


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def ranked(trials: Sequence[Trial], *, higher_is_better: bool) -> list[Trial]:
    """Trials from the best score to the worst, those without one at the end."""
    sign = -1.0 if higher_is_better else 1.0
    return sorted(trials, key=lambda one: (one.score is None, sign * (one.score or 0.0), one.id))


def best_trial(trials: Sequence[Trial], *, higher_is_better: bool) -> Trial | None:
    """The best of those that finished; of equals the first. Only these hold a model."""
    finished = [one for one in trials if one.status == FINISHED and one.score is not None]
    return next(iter(ranked(finished, higher_is_better=higher_is_better)), None)


def drop_losers(trials: Sequence[Trial], *, higher_is_better: bool) -> None:
    """Delete the weights of all trials that ended, but for the best; scores and logs stay."""
    best = best_trial(trials, higher_is_better=higher_is_better)
    for trial in trials:
        if trial.status != UNFINISHED and (best is None or trial.id != best.id):
            for name in (BEST, CHECKPOINTS):
                shutil.rmtree(trial.folder / name, ignore_errors=True)
            for pattern in WEIGHTS:
                for path in trial.folder.glob(pattern):
                    path.unlink(missing_ok=True)


def write_trials(output: Path, trials: Sequence[Trial], about: Mapping[str, Any]) -> None:
    """Write `trials.json` (`about` and all trials) and `trials.csv` (a line per trial)."""
    rows = [_json_row(output, one) for one in trials]
    text = json.dumps({**about, "trials": rows}, indent=2, ensure_ascii=False)
    with atomic_file(output / JSON_FILE) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    with atomic_file(output / CSV_FILE) as temporary:
        temporary.write_text(csv_text(trials), encoding="utf-8")


def _json_row(output: Path, trial: Trial) -> dict[str, Any]:
    row = asdict(trial)
    row["folder"] = str(trial.folder.relative_to(output))
    row["scores"] = [[step, None if math.isnan(score) else score] for step, score in trial.scores]
    return row


def csv_text(trials: Sequence[Trial]) -> str:
    """A header and a line per trial; lists are joined by spaces, empty ones are "none"."""
    names = list(dict.fromkeys(name for one in trials for name in one.values))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["trial", "status", "score", "updates", "seconds", *names, "error"])
    for one in trials:
        values = [value_text(one.values.get(name)) for name in names]
        score = "" if one.score is None else repr(one.score)
        writer.writerow(
            [one.id, one.status, score, one.steps, one.seconds, *values, one.error or ""]
        )
    return buffer.getvalue()


def value_text(value: Any) -> str:
    """A value of a field as a word or number."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
