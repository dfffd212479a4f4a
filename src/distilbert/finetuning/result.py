"""From the best weights of a run to its result folder: thresholds, scores, report, model card."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.finetuning.assembly import FineTuning
from distilbert.finetuning.model_card import model_card
from distilbert.finetuning.scoring import Evaluated, Split, answered
from distilbert.finetuning.tasks import settings_text
from distilbert.opening import find_model, load_runner
from distilbert.runner import Runner
from distilbert.task_file import TASK_FILE
from distilbert.tasks.task import Task, higher_is_better
from distilbert.tasks.windows import Tokenizer
from distilbert.training.card_file import card_text
from distilbert.training.environment import environment
from distilbert.training.intervals import bootstrap
from distilbert.training.loop import Trained
from distilbert.training.report import write_report
from distilbert.training.result import course, result_folder, run_contents, write_model
from distilbert.training.run_folder import CARD_FILE

RUN = run_contents(TASK_FILE, "answers.*.jsonl")
# Examples shown in a report.
WRONGEST, SLOWEST = 20, 5
# The fastest of this many runs is reported: the first ones of a framework are slower.
TIMINGS = 3


def finish(run: FineTuning, trained: Trained, *, command: str | None) -> dict[str, Any]:
    """Score the best model in float32 and write the files of the result into the output folder.

    Returns:
        The fields of a `FineTuneResult` except card and output.
    """
    card, output = run.card, Path(run.card.output)
    best = find_model(trained.best, framework=run.framework)
    runner = load_runner(best, run.task.head, device=card.run.device)
    task, found = run.scored(runner, run.splits)
    scores = {name: split.scores for name, split in found.items()}
    report = {
        "task": card.task,
        "framework": run.framework,
        "metric": task.metric,
        "higher_is_better": higher_is_better(task.metric),
        "command": command,
        "card": card.model_dump(),
        "n_train": run.n_train,
        "skipped_rows": run.skipped,
        "labels": list(getattr(task, "labels", ())),
        "thresholds": list(getattr(task, "thresholds", ())),
        "null_threshold": getattr(task, "null_threshold", None),
        **course(trained),
        "splits": {
            name: split_report(
                task,
                one,
                resamples=card.evaluation.bootstrap,
                seed=card.seed,
                slowest=slowest(task, runner, one.split, run.tokenizer, run.pad_id),
            )
            for name, one in found.items()
        },
        "environment": environment(),
    }
    with result_folder(output) as staging:
        write_model(trained.best, staging, run.task.head)
        run.tokenizer.save_pretrained(staging)
        (staging / CARD_FILE).write_text(card_text(card), encoding="utf-8")
        (staging / TASK_FILE).write_text(settings_text(task), encoding="utf-8")
        for name, split in found.items():
            write_answers(staging / f"answers.{name}.jsonl", task, split)
        write_report(staging, report, pages=card.run.report)
        (staging / "README.md").write_text(model_card(report), encoding="utf-8")
    metric = task.metric
    return {
        "metric": metric,
        "best_score": scores["dev"][metric] if "dev" in scores else None,
        "scores": scores,
        "steps": trained.progress.step,
        "seconds": trained.progress.seconds,
        "skipped": run.skipped,
        "report": output / ("report.html" if card.run.report else "report.json"),
    }


def write_answers(path: Path, task: Task, found: Evaluated) -> None:
    """One JSON object per line: the row, its texts and truth, then the answer."""
    with path.open("w", encoding="utf-8") as file:
        for example, answer in zip(found.split.examples, found.answers, strict=True):
            line = {**task.record(example), **answer}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def split_report(
    task: Task,
    found: Evaluated,
    *,
    resamples: int,
    seed: int,
    slowest: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The report on one split: scores with intervals, tables, and examples to look at."""
    examples, answers = found.split.examples, found.answers
    losses = task.losses(examples, answers)
    scorer = task.scorer(examples, answers)
    worst = np.argsort(-losses, kind="stable")[:WRONGEST]
    return {
        "n": len(examples),
        "seconds": found.seconds,
        "examples_per_second": len(examples) / max(found.seconds, 1e-9),
        "scores": found.scores,
        "intervals": bootstrap(scorer, len(examples), resamples=resamples, seed=seed),
        "tables": task.tables(examples, answers),
        "wrongest": [
            {"example": task.describe(examples[i]), "answer": answers[i], "loss": float(losses[i])}
            for i in worst.tolist()
        ],
        "slowest": list(slowest),
    }


def slowest(
    task: Task, runner: Runner, split: Split, tokenizer: Tokenizer, pad_id: int
) -> list[dict[str, Any]]:
    """The examples with the most tokens, each timed alone: the worst case of a single request."""
    tokens = np.zeros(len(split.examples), dtype=np.int64)
    for feature in split.features:
        tokens[feature.example] += feature.n_tokens
    found = []
    for number in np.argsort(-tokens, kind="stable")[:SLOWEST].tolist():
        example = split.examples[number]
        features = task.features(tokenizer, [example], training=False)
        alone = Split(split.name, [example], features)
        answered(task, runner, alone, pad_id=pad_id)  # compiles, in frameworks that compile
        seconds = min(_timed(task, runner, alone, pad_id) for _ in range(TIMINGS))
        found.append(
            {"example": task.describe(example), "tokens": int(tokens[number]), "seconds": seconds}
        )
    return sorted(found, key=lambda one: -one["seconds"])


def _timed(task: Task, runner: Runner, split: Split, pad_id: int) -> float:
    begin = time.perf_counter()
    answered(task, runner, split, pad_id=pad_id)
    return time.perf_counter() - begin
