"""`finetune`: a run card in, a checkpoint folder with its scores and report out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbert._lazy import require_framework
from distilbert.errors import InputError
from distilbert.finetuning.assembly import FineTuning
from distilbert.finetuning.datasets import read_examples
from distilbert.finetuning.result import CARD_FILE, finish
from distilbert.finetuning.tasks import task_of
from distilbert.opening import choose_framework, find_model, take_load_options
from distilbert.tasks.task import higher_is_better
from distilbert.training.card_file import AnyCard, as_card, check_required, with_changes
from distilbert.training.checkpoints import Checkpoints
from distilbert.training.loop import Trained, train
from distilbert.training.run_card import RunCard
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


def finetune(
    card: AnyCard = None,
    *,
    resume: bool = False,
    command: str | None = None,
    show_progress: bool = False,
    on_scores: Callable[[int, Mapping[str, float]], None] | None = None,
    **changes: Any,
) -> FineTuneResult:
    """Train a model from a run card, and write it with its scores, report and model card.

    Args:
        card: a run card, its values, or the path of its TOML file; None starts from the defaults.
        resume: continue from the newest checkpoint in `output`, if there is one.
        command: the command that the report shows for repeating the run.
        show_progress: show a progress bar on standard error.
        on_scores: called with the number of updates and the scores after each evaluation on dev,
            in the main process.
        changes: fields of the card to replace, `learning_rate=3e-5`, and options of the hub
            (`revision`, `token`, ...) for the model and the teacher.

    Raises:
        RunCardError: the card has unknown keys or bad values; all are named.
        DataError: rows break rules; all are named.
        TrainingError: the loss is not finite, or the disk is full.
        InputError: `output` contains files, and `resume` is not set.
    """
    options = take_load_options(changes)
    card = _checked(as_card(card, changes))
    output = Path(card.output)
    _check_output(output, resume=resume)
    examples = read_examples(card, task_of(card))
    start = find_model(card.model, framework=card.framework, options=options)
    run = FineTuning(card, examples, start, options)
    del examples  # those of training are features now
    trained = train(
        run.trainer,
        run.feed,
        card,
        output=output,
        identity=run.identity(),
        metric=run.task.metric,
        higher_is_better=higher_is_better(run.task.metric),
        evaluate=run.evaluate if "dev" in run.splits else None,
        resume=resume,
        show_progress=show_progress,
        on_scores=on_scores,
    )
    processes = run.trainer.processes
    is_main = processes.is_main_process
    result = processes.broadcast(_result(run, trained, command) if is_main else None)
    run.trainer.close()
    return FineTuneResult(card=card, output=output, **result)


def _result(run: FineTuning, trained: Trained, command: str | None) -> dict[str, Any]:
    try:
        return finish(run, trained, command=command)
    except OSError as error:
        checkpoints = Checkpoints(Path(run.card.output), keep=run.card.run.keep_checkpoints)
        raise checkpoints.out_of_space(error) from error


def _checked(card: RunCard) -> RunCard:
    """The card with its framework; raises where something that the run needs is missing."""
    check_required(card, ("model", "output"))
    for name in card.run.trackers:
        package_of(name)
    framework = choose_framework(card.framework)
    require_framework(framework, f"fine-tune with `framework={framework!r}`")
    return with_changes(card, {"framework": framework})  # checks fields that it does not support


def _check_output(output: Path, *, resume: bool) -> None:
    if resume and (output / CARD_FILE).is_file():
        raise InputError(
            f"`resume` continues an interrupted run: {output} contains a finished run. To train "
            f"it further, set `model` to this folder and choose another `output`."
        )
    if output.exists() and not output.is_dir():
        raise InputError(f"`output` must be a new or empty folder: {output} is a file.")
    if output.is_dir() and any(output.iterdir()) and not resume:
        raise InputError(
            f"`output` must be a new or empty folder: {output} contains files. Continue an "
            f"interrupted run with `resume`, or choose another folder."
        )
