"""From the best weights of a run to its result folder: thresholds, scores, report, model card."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from distilbert.checkpoint.atomic import atomic_folder
from distilbert.checkpoint.convert import convert
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.hub import TOKENIZER_FILES
from distilbert.checkpoint.sharding import WEIGHT_FILES
from distilbert.finetuning.assembly import FineTuning
from distilbert.finetuning.model_card import model_card
from distilbert.finetuning.output_folder import Contents
from distilbert.finetuning.scoring import Evaluated, Split, answered
from distilbert.finetuning.tasks import settings_text
from distilbert.opening import find_model, load_runner
from distilbert.runner import Runner
from distilbert.task_file import TASK_FILE
from distilbert.tasks.task import Task, higher_is_better
from distilbert.tasks.windows import Tokenizer
from distilbert.training.card_file import card_text
from distilbert.training.checkpoints import FOLDER, remove_checkpoints
from distilbert.training.environment import environment
from distilbert.training.intervals import bootstrap
from distilbert.training.log import EVENTS_FOLDER, LOG_FILE
from distilbert.training.loop import Trained
from distilbert.training.report import PAGE_FILE, PLOTS_FOLDER, REPORT_FILE, write_report

# The card of a run, and the file of a result that is written last.
CARD_FILE, RESULT_FILE = "card.toml", "config.json"
RUN = Contents(
    "run",
    mark=CARD_FILE,
    decisive=RESULT_FILE,
    others=(
        *("model*.safetensors*", *TOKENIZER_FILES, TASK_FILE, "README.md", "answers.*.jsonl"),
        *(REPORT_FILE, PAGE_FILE, PLOTS_FOLDER, LOG_FILE, EVENTS_FOLDER, FOLDER),
    ),
)
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
        **_course(trained),
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
        _write_model(trained.best, staging, run.task.head)
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


def is_finished(folder: Path) -> bool:
    """Whether a run ended with a complete result and needs no checkpoints any more; `CARD_FILE` is
    there from its start."""
    files = (folder / CARD_FILE, folder / RESULT_FILE)
    return all(file.is_file() for file in files) and not (folder / FOLDER).exists()


@contextmanager
def result_folder(output: Path) -> Iterator[Path]:
    """A folder for the files of the result, which appear in `output` when the block ends.

    The checkpoints, and the best model with them, disappear last and at once: until then the run
    can be resumed and writes its result again.
    """
    with atomic_folder(output, last=(CARD_FILE, RESULT_FILE)) as staging:
        yield staging
    remove_checkpoints(output)


def write_answers(path: Path, task: Task, found: Evaluated) -> None:
    """One JSON object per line: the row, its texts and truth, then the answer."""
    with path.open("w", encoding="utf-8") as file:
        for example, answer in zip(found.split.examples, found.answers, strict=True):
            line = {**task.record(example), **answer}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _write_model(best: Path, target: Path, head: str) -> None:
    """Write safetensors with PyTorch's names, which every framework and transformers can read."""
    if any(best.glob("model*.safetensors")):
        for path in best.iterdir():
            try:
                os.link(path, target / path.name)  # the same bytes; the other name is removed soon
            except OSError:
                shutil.copy2(path, target / path.name)
    else:
        convert(best, target, head=head)


def _course(trained: Trained) -> dict[str, Any]:
    """What a report says of the updates."""
    progress = trained.progress
    arrays = open_checkpoint(trained.best, formats=tuple(WEIGHT_FILES))
    return {
        "steps": progress.step,
        "seconds": progress.seconds,
        "examples_per_second": progress.examples / max(progress.seconds, 1e-9),
        "tokens_per_second": progress.tokens / max(progress.seconds, 1e-9),
        "best_step": progress.best_step,
        "n_parameters": sum(int(array.size) for array in arrays.values()),
        "history": trained.history,
    }


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
