"""`tune`: a run card with ranges in, the best card and its model out, after many short runs."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert._lazy import is_available
from distilbert.checkpoint.atomic import atomic_file, check_folder_writable
from distilbert.checkpoint.output_folder import Contents, check_output, empty_output
from distilbert.data.memory import take_rows
from distilbert.errors import InputError, TrainingError
from distilbert.finetuning.datasets import SPLITS, read_examples
from distilbert.finetuning.identity import data_identity
from distilbert.finetuning.ray_search import EXPERIMENT, SAMPLERS, Search, check_packages, search
from distilbert.finetuning.search_space import search_space, trial_card, with_absolute_models
from distilbert.finetuning.tasks import task_of
from distilbert.finetuning.trial_plots import trials_plot
from distilbert.finetuning.trials import (
    CSV_FILE,
    FAILED,
    JSON_FILE,
    TRIALS,
    Trial,
    best_trial,
    drop_losers,
    read_trials,
    write_trials,
)
from distilbert.json_files import read_json
from distilbert.tasks.task import higher_is_better
from distilbert.training.card_file import AnyCard, as_card, card_text, check_required, with_changes
from distilbert.training.run_card import RunCard

PLAN_FILE, BEST_FILE, PLOT_FILE = "search.json", "best.toml", "trials.png"
TRIALS_BY_DEFAULT = 20
SEARCH = Contents(
    "search",
    mark=PLAN_FILE,
    decisive=EXPERIMENT,
    others=(BEST_FILE, PLOT_FILE, TRIALS, JSON_FILE, CSV_FILE),
    resumes=True,
)


@dataclass(frozen=True)
class TuneResult:
    """The result of a search.

    `best` is the best trial, `model` its checkpoint folder, `card` the search's card with its
    values, `card_file` its path; `plot` is None where matplotlib is not installed.
    """

    output: Path
    metric: str
    higher_is_better: bool
    best: Trial
    model: Path
    card: RunCard
    card_file: Path
    trials: tuple[Trial, ...]
    plot: Path | None
    seconds: float


def tune(
    card: AnyCard = None,
    *,
    trials: int | None = None,
    sampler: str = "random",
    early_stopping: bool = True,
    resume: bool = False,
    overwrite: bool = False,
    keep_all: bool = False,
    cluster: str | None = None,
    cpus_per_trial: float = 1.0,
    gpus_per_trial: float | None = None,
    show_progress: bool = False,
    **changes: Any,
) -> TuneResult:
    """Search the fields that a card's [search] table names for the best score on dev.

    Every trial has the card's seed, which also seeds the sampler. Which trials are stopped early
    depends on how fast they run in parallel; without `early_stopping` and with the random
    sampler, the same card gives the same trials.

    Args:
        card: a run card with a [search] table, its values, or the path of its TOML file.
        trials: how many runs; 20 by default. A resumed search keeps its number.
        sampler: random, or optuna (a package), which learns from the trials before.
        early_stopping: stop trials that score worse than others after as many evaluations (ASHA).
        resume: continue an interrupted search in `output`; failed trials run again.
        overwrite: replace the search in `output`, which is deleted before the first trial.
        keep_all: keep the weights of all trials, not only of the best.
        cluster: address of a Ray cluster whose machines share the disk; None is this machine.
        cpus_per_trial: what each trial gets, which decides how many run at once.
        gpus_per_trial: the same of GPUs, also parts of one; by default 1 if there is any.
        show_progress: a line on standard error for each trial that ends.
        changes: fields of the card to replace. `train`, `dev` and `test` may also be rows, as in
            `finetune`; to resume, pass the same.

    Raises:
        RunCardError: the card or its [search] table is wrong; all problems are named.
        DataError: rows break rules; all are named.
        InputError: `output` contains files, or nothing to resume; an option is wrong.
        TrainingError: the search was interrupted, or no trial finished.
        MissingDependencyError: Ray or the package of the sampler is not installed.
    """
    begin = time.perf_counter()
    _check_options(trials, sampler, cpus_per_trial, gpus_per_trial)
    plan = _plan(
        card,
        changes,
        trials,
        {"sampler": sampler, "early_stopping": early_stopping},
        overwrite=overwrite,
        resume=resume,
        keep_all=keep_all,
        cluster=cluster,
        cpus=cpus_per_trial,
        gpus=gpus_per_trial,
        show_progress=show_progress,
    )
    search(plan)
    return _result(plan, begin)


def _plan(
    given: AnyCard,
    changes: dict[str, Any],
    trials: int | None,
    kept: Mapping[str, Any],
    *,
    resume: bool,
    overwrite: bool,
    **options: Any,
) -> Search:
    """The plan of a new search, or of the one to resume, whose settings `kept` must be the same."""
    memory = take_rows(changes, SPLITS)
    card = with_absolute_models(as_card(given, changes))
    space = search_space(card)
    check_required(card, ("output",) if "model" in space else ("model", "output"))
    check_packages(kept["sampler"])
    files = [given] if isinstance(given, (str, PathLike)) else []
    output = _output(card, files, resume=resume, overwrite=overwrite)
    card = with_changes(card, {"output": str(output)})
    examples = read_examples(card, task_of(card), memory)
    metric = examples.task.metric
    settings = {"card": card_text(card), "trials": trials, **kept, **data_identity(examples)}
    if overwrite and output.is_dir():
        empty_output(output, SEARCH)
    trials = _number_of_trials(output, settings, resume=resume)
    return Search(card, space, metric, trials, resume=resume, memory=memory, **kept, **options)


def _check_options(
    trials: int | None, sampler: str, cpus_per_trial: float, gpus_per_trial: float | None
) -> None:
    wrong = []
    if trials is not None and trials < 1:
        wrong.append(f"`trials` must be 1 or more: got {trials}.")
    if sampler not in SAMPLERS:
        wrong.append(f"`sampler` must be one of {', '.join(SAMPLERS)}: got {sampler!r}.")
    if not cpus_per_trial > 0:
        wrong.append(f"`cpus_per_trial` must be more than 0: got {cpus_per_trial}.")
    if gpus_per_trial is not None and gpus_per_trial < 0:
        wrong.append(f"`gpus_per_trial` must be 0 or more: got {gpus_per_trial}.")
    if wrong:
        raise InputError(" ".join(wrong))


def _output(card: RunCard, files: list[Any], *, resume: bool, overwrite: bool) -> Path:
    output = Path(card.output).absolute()
    if resume and overwrite:
        raise InputError("Give either `resume` or `overwrite`: got both.")
    if resume and not (output / PLAN_FILE).is_file():
        raise InputError(f"`resume` needs an interrupted search: {output} contains none.")
    if resume:
        check_folder_writable(output)
    else:
        check_output(output, SEARCH, overwrite=overwrite, sources=[*files, *card.sources()])
    return output


def _number_of_trials(output: Path, settings: Mapping[str, Any], *, resume: bool) -> int:
    """Of a new search, whose settings are written into its folder, or of the one to resume.

    Raises:
        InputError: the search to resume was started with other settings.
    """
    if not resume:
        settings = {**settings, "trials": settings["trials"] or TRIALS_BY_DEFAULT}
        output.mkdir(parents=True, exist_ok=True)
        with atomic_file(output / PLAN_FILE) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        return settings["trials"]
    saved = read_json(output / PLAN_FILE)
    differ = [
        name
        for name in {**settings, **saved}
        if settings.get(name) != saved.get(name)
        and not (name == "trials" and settings["trials"] is None)
    ]
    if differ:
        raise InputError(
            f"A resumed search must keep its settings: {', '.join(map(repr, differ))} differ from "
            f"{output / PLAN_FILE}. Use the same settings, or another `output`."
        )
    return saved["trials"]


def _result(plan: Search, begin: float) -> TuneResult:
    trials = read_trials(plan.output, plan.metric)
    best = best_trial(trials, plan.metric)
    better = higher_is_better(plan.metric)
    about = {
        "metric": plan.metric,
        "higher_is_better": better,
        "seed": plan.card.seed,
        "sampler": plan.sampler,
        "early_stopping": plan.early_stopping,
        "best": None if best is None else best.id,
    }
    write_trials(plan.output, trials, about)
    if best is None:
        errors = [one.error for one in trials if one.status == FAILED]
        first = f" The first of {len(errors)} that failed: {errors[0]}" if errors else ""
        raise TrainingError(
            f"A search must have a trial that finishes with a score: none of {len(trials)} did."
            f"{first}"
        )
    if not plan.keep_all:
        drop_losers(trials, best)
    card = trial_card(plan.card, best.values, output="")
    with atomic_file(plan.output / BEST_FILE) as temporary:
        temporary.write_text(card_text(card), encoding="utf-8")
    plot = None
    if is_available("matplotlib"):
        plot = plan.output / PLOT_FILE
        with atomic_file(plot) as temporary:
            temporary.write_bytes(trials_plot(trials, plan.space, plan.metric).png)
    return TuneResult(
        output=plan.output,
        metric=plan.metric,
        higher_is_better=better,
        best=best,
        model=best.folder,
        card=card,
        card_file=plan.output / BEST_FILE,
        trials=trials,
        plot=plot,
        seconds=time.perf_counter() - begin,
    )
