"""From a card to a student with its scores and report, and to a teacher that can predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from distilbert._lazy import require_framework
from distilbert.data.memory import take_rows
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
    with_fewer_tokens,
)
from distilbert.distilling.card import AdaptCard, DistillCard
from distilbert.distilling.messages import counting, decisions, running_the_teacher
from distilbert.distilling.predictions import check_predictions
from distilbert.distilling.result import RUN, finish
from distilbert.distilling.teacher_cache import cache_folder
from distilbert.load_options import take_load_options
from distilbert.opening import find_model, framework_module
from distilbert.training.card_file import AnyCard, as_card, check_required, with_changes
from distilbert.training.checkpoints import Checkpoints
from distilbert.training.environment import is_main_process
from distilbert.training.loop import Trained, train
from distilbert.training.messages import announced, is_watched, new_head_is_expected, say
from distilbert.training.run_folder import (
    begin_run,
    card_of_run,
    check_run_folder,
    interruptible,
    named_full_disk,
)
from distilbert.training.trackers import package_of

OnScores = Callable[[int, Mapping[str, float]], None]


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
            the hub (`revision`, `token`, ...) for the teacher; with `allow_untrained=True` a head
            that predicts no better than frequencies may teach. `train` may also be rows: a column
            or all of a DataFrame or Dataset, a list of dicts, or a dict of columns.

    Raises:
        RunCardError: the card has unknown keys or bad values, or lacks one that is needed.
        InputError: teacher and student do not fit; a loss needs a masked-LM head that the teacher
            does not have, or did not train; `output` contains files, and neither `resume` nor
            `overwrite` is set.
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
    rows = take_rows(changes, ("train",)).get("train")
    files = [given] if isinstance(given, (str, PathLike)) else []
    if how.resume and given is None:
        given = card_of_run(changes, how.kind, start="teacher")
    card = _checked(as_card(given, changes, how.kind))
    output = Path(card.output)
    check_run_folder(
        output,
        RUN,
        resume=how.resume,
        overwrite=how.overwrite,
        sources=[*files, card.teacher, *card.data.train],
        start="teacher",
    )
    teacher = Teacher.of(find_model(card.teacher, framework=FRAMEWORK, options=options))
    if how.kind is AdaptCard and not card.student.layers:
        card = with_changes(card, {"layers": tuple(range(teacher.weights.config.n_layers))})
    check_head(card, teacher)
    student = student_for(card, teacher.weights)
    watched = is_watched() if how.show_progress is None else how.show_progress
    shows = watched and is_main_process()
    progress = counting("Tokenizing") if shows else None
    teacher, student = with_fewer_tokens(card, teacher, student, progress, rows)
    corpus = corpus_of(card, teacher, progress, rows)
    with new_head_is_expected():
        run = Distillation(card, teacher, student, corpus)
    processes = run.trainer.processes
    is_main = processes.is_main_process
    resumes = how.resume and Checkpoints(output, keep=1).newest() is not None
    if not resumes and not run.keeps_predictions:  # both were checked when they began
        check_predictions(card, teacher, corpus, run.dev.numbers)
    run.fill_cache(running_the_teacher(run) if shows else None)
    if shows:
        say(decisions(run))
    trained = _trained(run, how, shows=shows)
    with named_full_disk(output):
        result = processes.broadcast(finish(run, trained, command=how.command) if is_main else None)
    run.trainer.close()
    return DistillResult(output=output, card=card, **result)


def _checked(card: DistillCard) -> DistillCard:
    """The card; raises where something that the run needs is missing."""
    check_required(card, ("teacher", "train", "output"))
    metric_of(card)
    for name in card.run.trackers:
        package_of(name)
    require_framework(FRAMEWORK, "distil a model")
    if card.optimization.compile:
        framework_module(FRAMEWORK, "compiling", "compile a model").check_compiler(card.run.device)
    return card


def _trained(run: Distillation, how: _How, *, shows: bool) -> Trained:
    card, output = run.card, Path(run.card.output)
    if run.trainer.processes.is_main_process:
        sources = {"teacher": card.teacher, "corpus": corpus_folder(card)}
        if card.cache.cache_teacher is not None:
            sources["cache_folder"] = cache_folder(card)
        begin_run(card, output, RUN, overwrite=how.overwrite, sources=sources)
    with interruptible(how.verb, output):
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
