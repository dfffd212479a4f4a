"""`finetune`: a run card in, a checkpoint folder with its scores and report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert._lazy import require_framework
from distilbert.checkpoint.folder import open_checkpoint
from distilbert.checkpoint.matching import match_parameters
from distilbert.data.memory import take_rows
from distilbert.finetuning.assembly import FineTuning
from distilbert.finetuning.datasets import SPLITS, read_examples
from distilbert.finetuning.messages import (
    data_decisions,
    parts_of,
    run_decisions,
)
from distilbert.finetuning.result import RUN, finish
from distilbert.finetuning.tasks import task_of
from distilbert.load_options import take_load_options
from distilbert.opening import choose_framework, find_model, framework_module
from distilbert.tasks.task import higher_is_better
from distilbert.training.card_file import AnyCard, as_card, check_required, with_changes
from distilbert.training.environment import is_main_process
from distilbert.training.loop import Trained, train
from distilbert.training.messages import announced, counted, is_watched, new_head_is_expected, say
from distilbert.training.run_card import RunCard
from distilbert.training.run_folder import (
    begin_run,
    card_of_run,
    check_run_folder,
    interruptible,
    named_full_disk,
)
from distilbert.training.trackers import package_of


@dataclass(frozen=True)
class FineTuneResult:
    """What a run came to.

    `output` is a checkpoint folder; `scores` maps dev and test to their scores; `best_score` is
    that of `metric` on dev, None without dev; `steps` counts updates, `seconds` the training with
    its evaluations; `skipped` counts bad rows left out.
    """

    output: Path
    card: RunCard
    metric: str
    best_score: float | None
    scores: dict[str, dict[str, float]]
    steps: int
    seconds: float
    skipped: int
    report: Path

    def __repr__(self) -> str:
        split = "dev" if "dev" in self.scores else next(iter(self.scores), None)
        score = "" if split is None else f", {self.metric}={self.scores[split][self.metric]:.4f}"
        where = "" if split is None else f" on {split}"
        return (
            f"FineTuneResult(output={str(self.output)!r}{score}{where}, "
            f"{counted(self.steps, 'update')} in {self.seconds:,.1f} s)"
        )


def finetune(
    card: AnyCard = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    show_progress: bool | None = None,
    on_scores: Callable[[int, Mapping[str, float]], None] | None = None,
    **changes: Any,
) -> FineTuneResult:
    """Train a model from a run card, and write it with its scores, report and model card.

    Args:
        card: a run card, its values, or the path of its TOML file; None starts from the defaults.
        resume: continue from the newest checkpoint in `output`, if there is one; without a card,
            with the card of the interrupted run.
        overwrite: replace the run in `output`, which is deleted when the new one starts to train.
        command: the command that the report shows for repeating the run.
        show_progress: print on standard error what was decided, a progress bar and the scores of
            each evaluation; None does so where it is a terminal or a notebook.
        on_scores: called with the number of updates and the scores after each evaluation on dev,
            in the main process.
        changes: fields of the card to replace, `learning_rate=3e-5`, and options of the hub
            (`revision`, `token`, ...) for the model and the teacher. `train`, `dev` and `test` may
            also be rows: a DataFrame, a Dataset, a list of dicts, or a dict of columns.

    Raises:
        RunCardError: the card has unknown keys or bad values; all are named.
        DataError: rows break rules; all are named.
        TrainingError: the loss is not finite, or the disk is full.
        InputError: `output` contains files, and neither `resume` nor `overwrite` is set; or it
            contains no run to resume.
    """
    options = take_load_options(changes)
    files = [card] if isinstance(card, (str, PathLike)) else []
    memory = take_rows(changes, SPLITS)
    if resume and card is None:
        card = card_of_run(changes, RunCard, start="model")
    card = _checked(as_card(card, changes))
    output = Path(card.output)
    how = {"resume": resume, "overwrite": overwrite}
    check_run_folder(output, RUN, **how, sources=[*files, *card.sources()], start="model")
    watched = is_watched() if show_progress is None else show_progress
    shows = watched and is_main_process()
    examples = read_examples(card, task_of(card), memory)
    start = find_model(card.model, framework=card.framework, options=options)
    with new_head_is_expected():
        run = FineTuning(card, examples, start, options)
    processes = run.trainer.processes
    is_main = processes.is_main_process
    if shows:
        decided = run_decisions(card, examples, framework=run.framework, **_plan(run))
        say([*data_decisions(card, examples), *decided])
    del examples  # those of training are features now
    report = announced(run.task.metric, on_scores) if shows else on_scores
    trained = _trained(run, **how, show_progress=shows, on_scores=report)
    with named_full_disk(output):
        result = processes.broadcast(finish(run, trained, command=command) if is_main else None)
    run.trainer.close()
    return FineTuneResult(card=card, output=output, **result)


def _plan(run: FineTuning) -> dict[str, Any]:
    """The numbers of windows and updates, and the parts of the model that are new."""
    options, request = run.card.optimization, run.request
    checkpoint = request.state or open_checkpoint(
        str(request.source), formats=request.formats, variant=request.variant
    )
    report = match_parameters(checkpoint, run.config, run.task.head)[1]
    new = [*report.missing_keys, *(name for name, *_ in report.mismatched_keys)]
    steps = run.feed.total(options.epochs)
    return {
        "new": parts_of(new),
        "windows": len(run.features),
        "steps": min(steps, options.max_steps or steps),
    }


def _trained(
    run: FineTuning,
    *,
    resume: bool,
    overwrite: bool,
    show_progress: bool,
    on_scores: Callable[[int, Mapping[str, float]], None] | None,
) -> Trained:
    card, metric = run.card, run.task.metric
    output = Path(card.output)
    if run.trainer.processes.is_main_process:
        sources = {"model": card.model, "teacher": card.distillation.teacher}
        begin_run(card, output, RUN, overwrite=overwrite, sources=sources)
    with interruptible("finetune", output):
        return train(
            run.trainer,
            run.feed,
            card,
            output=output,
            identity=run.identity,
            metric=metric,
            higher_is_better=higher_is_better(metric),
            evaluate=run.evaluate if "dev" in run.splits else None,
            resume=resume,
            show_progress=show_progress,
            on_scores=on_scores,
        )


def _checked(card: RunCard) -> RunCard:
    """The card with its framework; raises where something that the run needs is missing."""
    check_required(card, ("model", "output"))
    for name in card.run.trackers:
        package_of(name)
    framework = choose_framework(card.framework)
    require_framework(framework, f"fine-tune with `framework={framework!r}`")
    card = with_changes(card, {"framework": framework})  # checks fields that it does not support
    if card.optimization.compile:
        framework_module(framework, "compiling", "compile a model").check_compiler(card.run.device)
    return card
