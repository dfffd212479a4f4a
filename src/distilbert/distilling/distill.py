"""From a card to a student with its scores and report, and to a teacher that can predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert._lazy import require_framework
from distilbert.checkpoint.atomic import remove_leftovers
from distilbert.distilling.assembly import (
    FRAMEWORK,
    Distillation,
    Teacher,
    check_head,
    corpus_folder,
    corpus_of,
    losses_of,
    metric_of,
    student_for,
)
from distilbert.distilling.card import AdaptCard, DistillCard
from distilbert.distilling.messages import decisions, tokenizing
from distilbert.distilling.result import RUN, finish
from distilbert.errors import InputError, RunCardError
from distilbert.opening import find_model, take_load_options
from distilbert.training.card_file import AnyCard, as_card, read_card, with_changes
from distilbert.training.checkpoints import Checkpoints
from distilbert.training.loop import Trained, train
from distilbert.training.messages import announced, how_to_continue, is_watched, say
from distilbert.training.output_folder import check_output, empty_output
from distilbert.training.result import CARD_FILE, is_finished, write_card
from distilbert.training.trackers import package_of

OnScores = Callable[[int, Mapping[str, float]], None]
# What a card needs, although its fields have defaults.
REQUIRED = {
    "teacher": "the checkpoint of the teacher",
    "output": "the folder of the result",
    "train": "the texts to learn from",
}


@dataclass(frozen=True)
class DistillResult:
    """What a distillation came to.

    `output` is a checkpoint folder; `scores` are the losses on held-out texts, `agreement` and
    `mlm_accuracy` fractions of tokens; `steps` counts updates, `seconds` the training with its
    evaluations.
    """

    output: Path
    card: DistillCard
    scores: dict[str, float]
    steps: int
    seconds: float
    tokens_per_second: float
    n_parameters: int
    n_teacher_parameters: int
    report: Path


def distill(
    card: AnyCard = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    show_progress: bool | None = None,
    on_scores: OnScores | None = None,
    **changes: Any,
) -> DistillResult:
    """Train a student to predict, encode and attend as its teacher does, from texts alone.

    Args:
        card: a card, its values, or the path of its TOML file; None starts from the defaults, which
            are those of the published DistilBERT.
        resume: continue from the newest checkpoint in `output`, if there is one; without a card,
            with the card of the interrupted run.
        overwrite: replace the run in `output`, which is deleted when the new one starts to train.
        command: the command that the report shows for repeating the run.
        show_progress: print on standard error what was decided, a progress bar and the scores of
            each evaluation; None does so where it is a terminal or a notebook.
        on_scores: called with the number of updates and the scores after each evaluation, in the
            main process.
        changes: fields of the card to replace, `teacher=`, `train=`, `n_layers=3`, and options of
            the hub (`revision`, `token`, ...) for the teacher.

    Raises:
        RunCardError: the card has unknown keys or bad values, or lacks one that is needed.
        InputError: teacher and student do not fit; a loss needs a masked-LM head that the teacher
            does not have; `output` contains files, and neither `resume` nor `overwrite` is set.
        DataError: the texts cannot be read, or there are none to learn from.
        TrainingError: the loss is not finite, or the disk is full.

    Source: Sanh et al., DistilBERT, a distilled version of BERT (arXiv 1910.01108).
    """
    how = _How("distill", DistillCard, resume, overwrite, command, show_progress, on_scores)
    return _run(card, changes, how)


def adapt(
    card: AnyCard = None,
    *,
    resume: bool = False,
    overwrite: bool = False,
    command: str | None = None,
    show_progress: bool | None = None,
    on_scores: OnScores | None = None,
    **changes: Any,
) -> DistillResult:
    """Give an encoder without a masked-LM head a trained one, so that it can teach predictions.

    Trains all weights of `teacher` and a new head on masked tokens, while the cosine of its hidden
    states to what they were holds the encoder in place. A head on a frozen encoder would not do: it
    predicts hardly anything.

    Args and errors are those of `distill`; the defaults of the losses and of the learning rate
    differ, and all layers are kept.
    """
    how = _How("adapt", AdaptCard, resume, overwrite, command, show_progress, on_scores)
    return _run(card, changes, how)


@dataclass(frozen=True)
class _How:
    """The verb of a run, the kind of its card, and options that the card does not hold."""

    verb: str
    kind: type[DistillCard]
    resume: bool
    overwrite: bool
    command: str | None
    show_progress: bool | None
    on_scores: OnScores | None


def _run(given: AnyCard, changes: dict[str, Any], how: _How) -> DistillResult:
    options = take_load_options(changes)
    files = [given] if isinstance(given, (str, PathLike)) else []
    if how.resume and given is None:
        given = _card_of_run(changes, how.kind)
    card = _checked(as_card(given, changes, how.kind))
    _check_output(card, files, how)
    teacher = Teacher.of(find_model(card.teacher, framework=FRAMEWORK, options=options))
    if how.kind is AdaptCard and not card.student.layers:
        card = with_changes(card, {"layers": tuple(range(teacher.weights.config.n_layers))})
    check_head(card, teacher)
    student_for(card, teacher.weights)  # raises before texts are read
    metric_of(card)
    shows = is_watched() if how.show_progress is None else how.show_progress
    run = Distillation(card, teacher, corpus_of(card, teacher, tokenizing() if shows else None))
    processes = run.trainer.processes
    is_main = processes.is_main_process
    if shows and is_main:
        say(decisions(run))
    trained = _trained(run, how, shows=shows)
    result = processes.broadcast(_result(run, trained, how.command) if is_main else None)
    run.trainer.close()
    return DistillResult(output=Path(card.output), card=card, **result)


def _card_of_run(changes: Mapping[str, Any], kind: type[DistillCard]) -> DistillCard | None:
    """The card that an interrupted run left in its output folder; None if there is none, but the
    changes name a teacher."""
    output = changes.get("output")
    if output is not None and (Path(output) / CARD_FILE).is_file():
        return read_card(Path(output) / CARD_FILE, kind)
    if changes.get("teacher") is None:
        raise InputError(
            f"`resume` needs the `output` of an interrupted run, which contains {CARD_FILE}, or a "
            f"card: got output={None if output is None else str(output)!r}."
        )
    return None


def _checked(card: DistillCard) -> DistillCard:
    """The card; raises where something that the run needs is missing."""
    values = {"teacher": card.teacher, "output": card.output, "train": card.data.train}
    for name, value in values.items():
        if not value:
            raise RunCardError(f"`{name}` must name {REQUIRED[name]}: got none. Set it.")
    for name in card.run.trackers:
        package_of(name)
    require_framework(FRAMEWORK, "distil a model")
    return card


def _check_output(card: DistillCard, files: list[Any], how: _How) -> None:
    output = Path(card.output)
    if how.resume and how.overwrite:
        raise InputError("Give either `resume` or `overwrite`: got both.")
    if how.resume and is_finished(output):
        remove_leftovers(output)  # of a process that was killed after its last step
        raise InputError(
            f"`resume` continues an interrupted run: {output} contains a finished run. Choose "
            f"another `output`."
        )
    if not how.resume or not output.is_dir():
        sources = [*files, card.teacher, *card.data.train]
        check_output(output, RUN, overwrite=how.overwrite, sources=sources)


def _trained(run: Distillation, how: _How, *, shows: bool) -> Trained:
    card, output = run.card, Path(run.card.output)
    is_new = Checkpoints(output, keep=card.run.keep_checkpoints).newest() is None
    if run.trainer.processes.is_main_process:
        if how.overwrite and output.is_dir():
            empty_output(output, RUN)
        if how.overwrite or is_new:  # else it may yet be refused
            write_card(card, output, {"teacher": card.teacher, "corpus": corpus_folder(card)})
    try:
        return train(
            run.trainer,
            run.feed,
            card,
            output=output,
            identity=run.identity,
            metric=run.metric,
            higher_is_better=run.metric not in losses_of(card),
            evaluate=run.evaluate,
            resume=how.resume,
            show_progress=shows,
            on_scores=announced(run.metric, how.on_scores) if shows else how.on_scores,
        )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(how_to_continue(how.verb, output)) from None


def _result(run: Distillation, trained: Trained, command: str | None) -> dict[str, Any]:
    try:
        return finish(run, trained, command=command)
    except OSError as error:
        checkpoints = Checkpoints(Path(run.card.output), keep=run.card.run.keep_checkpoints)
        raise checkpoints.out_of_space(error) from error
