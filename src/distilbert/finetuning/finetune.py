"""`finetune`: a run card in, a checkpoint folder with its scores and report out."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from distilbert._lazy import require_framework
from distilbert.checkpoint.bert import is_bert
from distilbert.checkpoint.convert import convert
from distilbert.errors import InputError, RunCardError
from distilbert.finetuning.datasets import Examples, read_examples
from distilbert.finetuning.features import pack_features
from distilbert.finetuning.result import CARD_FILE, Finished, finish
from distilbert.finetuning.scoring import Split, evaluated, split_of
from distilbert.finetuning.tasks import class_weights_of, task_of
from distilbert.opening import (
    FoundModel,
    LoadOptions,
    choose_framework,
    find_model,
    framework_module,
    open_tokenizer,
    take_load_options,
)
from distilbert.runner import Runner
from distilbert.tasks.task import Task, higher_is_better
from distilbert.training.card_file import AnyCard, as_card, check_required, with_changes
from distilbert.training.checkpoints import Checkpoints
from distilbert.training.feed import Feed, n_items
from distilbert.training.loop import Trained, train
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import RunCard
from distilbert.training.session import Trainer
from distilbert.training.trackers import package_of

# Fields of [evaluation] that may not change when a run is resumed.
DECISIVE = ("metric", "max_answer_length", "n_best", "null_threshold")


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
    with ExitStack() as stack:
        run = _FineTuning(card, examples, _start(card, options, stack), options)
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
        is_main = run.trainer.is_main_process
        result = run.trainer.broadcast(_result(run, trained, command) if is_main else None)
        run.trainer.close()
    return FineTuneResult(card=card, output=output, **result)


def _result(run: _FineTuning, trained: Trained, command: str | None) -> dict[str, Any]:
    output = Path(run.card.output)
    finished = Finished(
        card=run.card,
        framework=run.framework,
        task=run.task,
        tokenizer=run.tokenizer,
        splits=run.splits,
        progress=trained.progress,
        history=trained.history,
        best=trained.best,
        output=output,
        n_train=run.n_train,
        skipped=run.skipped,
        pad_id=run.pad_id,
    )
    try:
        return finish(finished, command=command)
    except OSError as error:
        raise Checkpoints(output, keep=run.card.run.keep_checkpoints).out_of_space(error) from error


def _trainer(
    package: Any,
    model: Any,
    card: RunCard,
    options: LoadOptions,
    class_weights: np.ndarray | None,
) -> Trainer:
    teacher = None
    if card.distillation.teacher is not None:
        found = find_model(card.distillation.teacher, framework=card.framework, options=options)
        teacher = package.load_teacher(found.request(model.head), model)
    losses = LossSettings(
        label_smoothing=card.objective.label_smoothing,
        r_drop=card.objective.r_drop,
        class_weights=class_weights,
        teacher_weight=card.distillation.teacher_weight,
        temperature=card.distillation.temperature,
    )
    objective = package.task_objective(model, losses, teacher, packing=card.optimization.packing)
    settings = TrainerSettings(
        optimization=card.optimization,
        lora=card.lora,
        seed=card.seed,
        device=card.run.device,
        parallel=card.run.parallel,
    )
    return package.Trainer(model, objective, settings)


class _FineTuning:
    """What a run is assembled from: task, features, objective, trainer and feed."""

    def __init__(
        self, card: RunCard, examples: Examples, start: FoundModel, options: LoadOptions
    ) -> None:
        self.card, self.framework = card, start.framework
        self.task: Task = examples.task
        self.n_train, self.skipped = len(examples.train), examples.skipped
        self.tokenizer = open_tokenizer(start.folder)
        self.pad_id = self.tokenizer.pad_token_id or 0
        package = framework_module(self.framework, "train", "fine-tune")
        model = package.starting_model(
            start.request(self.task.head), changes=self.task.config_changes(), seed=card.seed
        )
        max_length = model.config.max_position_embeddings
        weights = class_weights_of(self.task, card.objective.class_weights, examples.train)
        self.trainer = _trainer(package, model, card, options, weights)
        self.features = pack_features(self.task, self.tokenizer, examples.train)
        self.splits = {
            name: split_of(self.task, self.tokenizer, name, rows)
            for name, rows in (("dev", examples.dev), ("test", examples.test))
            if rows
        }
        self._check_lengths(max_length)
        self.feed = self._feed()

    def _check_lengths(self, limit: int) -> None:
        """The longest sequence may come late in a run, so all are checked before."""
        scored = (one for split in self.splits.values() for one in split.features)
        longest = max((len(ids) for one in scored for ids in one.sequences), default=0)
        longest = max(longest, int(self.features.lengths.max()))
        if longest > limit:
            raise RunCardError(
                f"`max_length` must be at most what the model can read, {limit} tokens: got "
                f"{self.card.inputs.max_length}, and a sequence of {longest}."
            )

    def _feed(self) -> Feed:
        options, counts = self.card.optimization, self.features.counts
        return Feed(
            lengths=self.features.n_tokens,
            make=self._batch,
            count=lambda batch: n_items(batch, self.task.head),
            seed=self.card.seed,
            batch_size=options.batch_size,
            batch_tokens=options.batch_tokens,
            accumulation=options.accumulation,
            length_sorted=options.length_sorted,
            groups=counts if (counts != counts[0]).any() else None,
            data_shard=self.trainer.data_shard,
        )

    def _batch(self, numbers: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.task.batch(self.tokenizer, [self.features[i] for i in numbers], rng)

    def evaluate(self, runner: Runner) -> dict[str, float]:
        """Scores on dev, with the thresholds that are best there."""
        dev: Split = self.splits["dev"]
        tokens = self.card.evaluation.eval_batch_tokens
        found = evaluated(self.task, runner, dev, batch_tokens=tokens, pad_id=self.pad_id)
        task = self.task.tuned(dev.examples, found.answers)
        if task is self.task:
            return found.scores
        return {**found.scores, **task.scorer(dev.examples, found.answers)()}

    def identity(self) -> dict[str, Any]:
        """What must be equal for a run to be resumed from a checkpoint of another one."""
        card = self.card.model_dump()
        decisive = {name: card[name] for name in ("task", "model", "seed")}
        for section in ("inputs", "objective", "optimization", "lora", "distillation"):
            decisive |= card[section]
        decisive |= {name: card["evaluation"][name] for name in DECISIVE}
        data = hashlib.sha256(self.feed.lengths.tobytes()).hexdigest()[:16]
        return {**decisive, "framework": self.framework, "train": data}


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


def _start(card: RunCard, options: LoadOptions, stack: ExitStack) -> FoundModel:
    """The checkpoint to start from; a BERT is folded first."""
    found = find_model(card.model, framework=card.framework, options=options)
    if is_bert(found.folder):
        folded = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
        convert(found.folder, folded)
        found = find_model(folded, framework=card.framework)
    return found
