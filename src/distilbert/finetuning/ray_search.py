"""A search on Ray Tune: samplers, early stopping, processes; the only file that imports Ray.

Ray runs each trial in a separate process and decides which continue. The result of a trial is read
from the disk (see `trials.py`), not from Ray.
"""

from __future__ import annotations

import logging
import math
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from distilbert._lazy import require
from distilbert.errors import InputError, TrainingError
from distilbert.finetuning.datasets import Memory
from distilbert.finetuning.search_space import Choice, Dimension, trial_card, values_of
from distilbert.finetuning.trials import (
    TRIALS,
    UNFINISHED,
    best_trial,
    dev_scores,
    drop_losers,
    read_trials,
    write_trial,
)
from distilbert.tasks.task import higher_is_better
from distilbert.training.card_file import card_from
from distilbert.training.run_card import RunCard
from distilbert.training.run_folder import is_finished

SAMPLERS = ("random", "optuna")
PURPOSE = "search with `distilbert tune`"
# Where a trial that failed leaves its error for the process that records it.
ERROR_FILE = "error.txt"
NO_ERROR_FILE = "its process ended without an error message; it may have run out of memory"
# Name of Ray's experiment in the output folder.
EXPERIMENT = "ray"
SCORE = "score"
# ASHA (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning"): after 1, 3, 9, ...
# evaluations the best third goes on.
GRACE, REDUCTION = 1, 3
# Only scores, cards and rows passed in Python go through Ray's shared memory, which uses the disk
# when it is full; its size has to be set.
OBJECT_STORE_BYTES = 128 * 2**20
# Environment variables of Ray: send no usage statistics, write no log files per trial, print
# nothing, and leave Ctrl-C to Python.
SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
}


@dataclass(frozen=True)
class Search:
    """The settings of a search.

    `metric` is the score on dev that compares trials. `cluster` is an address of Ray, None this
    machine; `cpus` and `gpus` are what each trial gets, of which None means one GPU if there is
    any. `memory` are the rows that the caller passed.
    """

    card: RunCard
    space: dict[str, Dimension]
    metric: str
    trials: int
    sampler: str
    early_stopping: bool
    keep_all: bool
    cluster: str | None
    cpus: float
    gpus: float | None
    resume: bool
    show_progress: bool
    memory: Memory = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """The folder of the search."""
        return Path(self.card.output)


def check_packages(sampler: str) -> None:
    """
    Raises:
        MissingDependencyError: Ray, or the package of the sampler, is not installed.
    """
    require("ray.tune", PURPOSE)
    if sampler == "optuna":
        require("optuna", "use `sampler` optuna")


def search(plan: Search) -> None:
    """Run all trials, or those that are left; their results are on the disk afterwards.

    Raises:
        InputError: there is nothing to resume, or the machine is too small for a trial.
        TrainingError: Ray ended before all trials did.
    """
    with _ray(plan) as gpus:
        _tuner(plan, gpus).fit()
    n_ended = sum(one.status != UNFINISHED for one in read_trials(plan.output, plan.metric))
    if n_ended < plan.trials:
        raise TrainingError(
            f"A search must run all its trials: {n_ended} of {plan.trials} ended before it was "
            f"interrupted. Continue it with `resume`."
        )


@contextmanager
def _ray(plan: Search) -> Iterator[float]:
    """Start Ray and yield the GPUs per trial. A Ray that was already running is left running.

    Ray's errors are not logged, since those of trials are reported once, by us. Environment
    variables that the user has set are kept.
    """
    ray, logger = require("ray", PURPOSE), logging.getLogger("ray.tune")
    level, starts = logger.level, not ray.is_initialized()
    added = {name: value for name, value in SETTINGS.items() if name not in os.environ}
    where: dict[str, Any] = {"address": plan.cluster}
    if plan.cluster is None:
        where = {"address": "local", "num_cpus": os.cpu_count(), "include_dashboard": False}
        where["object_store_memory"] = OBJECT_STORE_BYTES
    os.environ.update(added)
    logger.setLevel(logging.CRITICAL)
    try:
        if starts:
            ray.init(**where, log_to_driver=False, logging_level="error")
        yield _gpus_per_trial(ray.cluster_resources(), plan)
    finally:
        if starts:
            ray.shutdown()
        logger.setLevel(level)
        for name in added:
            os.environ.pop(name, None)


def _gpus_per_trial(there: Mapping[str, float], plan: Search) -> float:
    """GPUs per trial; refuses a trial that is larger than the machine, as it would never start."""
    n_cpus, n_gpus = there.get("CPU", 0.0), there.get("GPU", 0.0)
    gpus = min(1.0, n_gpus) if plan.gpus is None else plan.gpus
    if plan.cpus > n_cpus or gpus > n_gpus:
        raise InputError(
            f"A trial must fit the machine: got requests for {plan.cpus:g} CPUs and {gpus:g} GPUs, "
            f"but {n_cpus:g} and {n_gpus:g} exist. Reduce `cpus_per_trial` or `gpus_per_trial`."
        )
    return gpus


def _tuner(plan: Search, gpus: float) -> Any:
    tune = require("ray.tune", PURPOSE)
    run: Any = partial(
        run_trial, values=plan.card.model_dump(), output=str(plan.output), metric=plan.metric
    )
    if plan.memory:
        run = tune.with_parameters(run, memory=plan.memory)
    trainable = tune.with_resources(run, {"cpu": plan.cpus, "gpu": gpus})
    space = _ray_space(tune, plan.space)
    folder = plan.output / EXPERIMENT
    if not plan.resume:
        config = tune.TuneConfig(
            metric=SCORE,
            mode="max" if higher_is_better(plan.metric) else "min",
            num_samples=plan.trials,
            search_alg=_sampler(plan),
            scheduler=_scheduler(plan),
            trial_dirname_creator=lambda trial: trial.trial_id,
        )
        files = tune.RunConfig(
            name=folder.name,
            storage_path=str(folder.parent),
            callbacks=[_recorder(plan)],
            verbose=0,
        )
        return tune.Tuner(trainable, param_space=space, tune_config=config, run_config=files)
    if not tune.Tuner.can_restore(str(folder)):
        raise InputError(
            f"`resume` needs the state of an interrupted search: {folder} contains none. "
            f"Delete {plan.output} and start the search again."
        )
    return tune.Tuner.restore(
        str(folder), trainable=trainable, param_space=space, resume_errored=True
    )


def _ray_space(tune: Any, space: Mapping[str, Dimension]) -> dict[str, Any]:
    """Ray's distributions; a choice draws the index of the value, since values may be lists."""
    found = {}
    for name, one in space.items():
        if isinstance(one, Choice):
            found[name] = tune.choice(list(range(len(one.values))))
        elif one.integer:  # without the upper end
            draw = tune.lograndint if one.log else tune.randint
            found[name] = draw(int(one.low), int(one.high) + 1)
        else:
            draw = tune.loguniform if one.log else tune.uniform
            found[name] = draw(float(one.low), float(one.high))
    return found


def _sampler(plan: Search) -> Any:
    if plan.sampler == "optuna":
        return require("ray.tune.search.optuna", PURPOSE).OptunaSearch(seed=plan.card.seed)
    basic = require("ray.tune.search.basic_variant", PURPOSE)
    return basic.BasicVariantGenerator(random_state=plan.card.seed)


def _scheduler(plan: Search) -> Any:
    schedulers = require("ray.tune.schedulers", PURPOSE)
    if not plan.early_stopping:
        return schedulers.FIFOScheduler()
    longest, epochs = plan.card.optimization.epochs, plan.space.get("epochs")
    if epochs is not None:
        longest = max(epochs.values) if isinstance(epochs, Choice) else epochs.high
    evaluations = math.ceil(longest / plan.card.evaluation.evaluate_every)
    return schedulers.ASHAScheduler(
        time_attr="training_iteration",
        max_t=max(evaluations, GRACE) + 1,  # at this number even the best would be stopped
        grace_period=GRACE,
        reduction_factor=REDUCTION,
    )


def run_trial(
    point: Mapping[str, Any],
    *,
    values: Mapping[str, Any],
    output: str,
    metric: str,
    memory: Memory | None = None,
) -> None:
    """One trial, in a process of Ray: fine-tune, and report the score after each evaluation.

    Continues from its newest checkpoint if the search was interrupted.

    Args:
        point: what the sampler drew.
        values: the search's card as plain values.
        memory: rows that are not in files.
    """
    from distilbert.finetuning.finetune import finetune
    from distilbert.finetuning.search_space import search_space

    tune = require("ray.tune", PURPOSE)
    folder = Path(output) / TRIALS / tune.get_context().get_trial_id()
    if is_finished(folder):  # interrupted between its end and Ray's record of it
        tune.report({SCORE: dev_scores(folder, metric)[-1][1]})
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ERROR_FILE).unlink(missing_ok=True)
    card = card_from(values, base=None)
    rows: dict[str, Any] = dict(memory or {})
    try:
        finetune(
            trial_card(card, values_of(search_space(card), point), output=folder),
            resume=True,
            on_scores=lambda step, scores: tune.report({SCORE: scores[metric], "step": step}),
            **rows,
        )
    except Exception as error:  # Ray reports where it was raised, but not reliably what
        text = f"{type(error).__name__}: {error}"
        (folder / ERROR_FILE).write_text(text, encoding="utf-8")
        raise


def _recorder(plan: Search) -> Any:
    """Ray's callback that records trials on the disk and deletes the weights of the worse ones."""
    tune = require("ray.tune", PURPOSE)

    class Recorder(tune.Callback):
        def on_trial_start(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            _record(plan, trial)

        def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            _record(plan, trial, ended=True)
            _ended(plan, trial.trial_id)

        def on_trial_error(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:
            path = plan.output / TRIALS / trial.trial_id / ERROR_FILE
            error = path.read_text(encoding="utf-8") if path.is_file() else NO_ERROR_FILE
            _record(plan, trial, ended=True, error=error)
            _ended(plan, trial.trial_id)

    return Recorder()


def _record(plan: Search, trial: Any, **ending: Any) -> None:
    seconds = (trial.last_result or {}).get("time_total_s", 0.0)
    values = values_of(plan.space, trial.config)
    write_trial(plan.output / TRIALS / trial.trial_id, values, seconds=round(seconds, 3), **ending)


def _ended(plan: Search, trial_id: str) -> None:
    trials = read_trials(plan.output, plan.metric)
    best = best_trial(trials, plan.metric)
    if not plan.keep_all:
        drop_losers(trials, best)
    if not plan.show_progress:
        return
    one = next(trial for trial in trials if trial.id == trial_id)
    n_ended = sum(trial.status != UNFINISHED for trial in trials)
    parts = [f"{n_ended}/{plan.trials}", one.id, one.status]
    parts += [] if one.score is None else [f"{plan.metric} {one.score:.4f}"]
    parts += [] if best is None else [f"best {best.score:.4f}"]
    print("  ".join(parts), file=sys.stderr)
