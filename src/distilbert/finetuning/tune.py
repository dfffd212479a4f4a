"""`tune`: a run card with ranges in, the best card and its model out, after many short runs."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbert._lazy import is_available
from distilbert.checkpoint.atomic import atomic_file
from distilbert.errors import InputError, TrainingError
from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.ray_search import (
    SAMPLERS,
    Resources,
    Search,
    check_packages,
    search,
)
from distilbert.finetuning.search_space import (
    Dimension,
    Range,
    search_space,
    trial_card,
    with_absolute_models,
)
from distilbert.finetuning.tasks import task_of
from distilbert.finetuning.trial_plots import trials_plot
from distilbert.finetuning.trials import (
    FAILED,
    Trial,
    best_trial,
    drop_losers,
    read_trials,
    write_trials,
)
from distilbert.tasks.task import higher_is_better
from distilbert.training.card_file import AnyCard, as_card, card_text, check_required, with_changes
from distilbert.training.run_card import RunCard

PLAN_FILE, BEST_FILE, PLOT_FILE = "search.json", "best.toml", "trials.png"
TRIALS_BY_DEFAULT = 20


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
        keep_all: keep the weights of all trials, not only of the best.
        cluster: address of a Ray cluster whose machines share the disk; None is this machine.
        cpus_per_trial: what each trial gets, which decides how many run at once.
        gpus_per_trial: the same of GPUs, also parts of one; by default 1 if there is any.
        show_progress: a line on standard error for each trial that ends.
        changes: fields of the card to replace.

    Raises:
        RunCardError: the card or its [search] table is wrong; all problems are named.
        DataError: rows break rules; all are named.
        InputError: `output` contains files, or nothing to resume; an option is wrong.
        TrainingError: the search was interrupted, or no trial finished.
        MissingDependencyError: Ray or the package of the sampler is not installed.
    """
    begin = time.perf_counter()
    _check_options(trials, sampler, cpus_per_trial, gpus_per_trial)
    card = with_absolute_models(as_card(card, changes))
    space = search_space(card)
    check_required(card, ("output",) if "model" in space else ("model", "output"))
    check_packages(sampler)
    plan = _plan(
        card,
        space,
        trials=trials,
        sampler=sampler,
        early_stopping=early_stopping,
        keep_all=keep_all,
        resume=resume,
    )
    resources = Resources(cluster=cluster, cpus=cpus_per_trial, gpus=gpus_per_trial)
    search(plan, resources, resume=resume, show_progress=show_progress)
    return _result(plan, begin)


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


def _plan(
    card: RunCard,
    space: dict[str, Dimension],
    *,
    trials: int | None,
    sampler: str,
    early_stopping: bool,
    keep_all: bool,
    resume: bool,
) -> Search:
    """The plan of a new search, written into its folder, or of the one to resume."""
    output = _output(card, resume=resume)
    card = with_changes(card, {"output": str(output)})
    task = read_examples(card, task_of(card)).task
    settings = {
        "card": card_text(card),
        "trials": trials,
        "sampler": sampler,
        "early_stopping": early_stopping,
    }
    if resume:
        settings = _saved_settings(output, settings)
    else:
        settings["trials"] = trials or TRIALS_BY_DEFAULT
        output.mkdir(parents=True, exist_ok=True)
        with atomic_file(output / PLAN_FILE) as temporary:
            temporary.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return Search(
        card=card,
        space=space,
        output=output,
        metric=task.metric,
        higher_is_better=higher_is_better(task.metric),
        trials=settings["trials"],
        sampler=sampler,
        early_stopping=early_stopping,
        evaluations=_most_evaluations(card, space),
        keep_all=keep_all,
    )


def _output(card: RunCard, *, resume: bool) -> Path:
    output = Path(card.output).absolute()
    if resume and not (output / PLAN_FILE).is_file():
        raise InputError(f"`resume` needs an interrupted search: {output} contains none.")
    if not resume and output.is_dir() and any(output.iterdir()):
        raise InputError(
            f"`output` must be a new or empty folder: {output} contains files. Continue an "
            f"interrupted search with `resume`, or choose another folder."
        )
    return output


def _saved_settings(output: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a search was started with; raises InputError if the new ones differ."""
    saved = json.loads((output / PLAN_FILE).read_text(encoding="utf-8"))
    differ = [
        name
        for name, value in settings.items()
        if value != saved[name] and not (name == "trials" and value is None)
    ]
    if differ:
        raise InputError(
            f"A resumed search must keep its settings: {', '.join(map(repr, differ))} differ from "
            f"{output / PLAN_FILE}. Use the same settings, or another `output`."
        )
    return saved


def _most_evaluations(card: RunCard, space: Mapping[str, Dimension]) -> int:
    """Number of evaluations of the longest trial that may be drawn."""
    longest, epochs = card.optimization.epochs, space.get("epochs")
    if epochs is not None:
        longest = epochs.high if isinstance(epochs, Range) else max(epochs.values)
    return math.ceil(longest / card.evaluation.evaluate_every)


def _result(plan: Search, begin: float) -> TuneResult:
    better = plan.higher_is_better
    trials = read_trials(plan.output, metric=plan.metric, higher_is_better=better)
    about = {
        "metric": plan.metric,
        "higher_is_better": better,
        "seed": plan.card.seed,
        "sampler": plan.sampler,
        "early_stopping": plan.early_stopping,
    }
    best = best_trial(trials, higher_is_better=better)
    write_trials(plan.output, trials, {**about, "best": None if best is None else best.id})
    if best is None:
        raise TrainingError(_none_finished(trials))
    if not plan.keep_all:
        drop_losers(trials, higher_is_better=better)
    card = trial_card(plan.card, best.values, output="")
    with atomic_file(plan.output / BEST_FILE) as temporary:
        temporary.write_text(card_text(card), encoding="utf-8")
    return TuneResult(
        output=plan.output,
        metric=plan.metric,
        higher_is_better=better,
        best=best,
        model=best.folder,
        card=card,
        card_file=plan.output / BEST_FILE,
        trials=trials,
        plot=_plot(plan, trials),
        seconds=time.perf_counter() - begin,
    )


def _none_finished(trials: tuple[Trial, ...]) -> str:
    failed = [one for one in trials if one.status == FAILED]
    first = f" The first of {len(failed)} that failed: {failed[0].error}" if failed else ""
    return (
        f"A search must have a trial that finishes with a score: none of {len(trials)} did.{first}"
    )


def _plot(plan: Search, trials: tuple[Trial, ...]) -> Path | None:
    if not is_available("matplotlib"):
        return None
    plot = trials_plot(
        trials, plan.space, metric=plan.metric, higher_is_better=plan.higher_is_better
    )
    with atomic_file(plan.output / PLOT_FILE) as temporary:
        temporary.write_bytes(plot.png)
    return plan.output / PLOT_FILE
