"""`finetune`: a run card in, a checkpoint folder with its scores and report out."""

from __future__ import annotations

import hashlib
import json
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
from distilbert.finetuning.result import CARD_FILE, Finished, finish
from distilbert.finetuning.scoring import Split, evaluated, split_of
from distilbert.finetuning.tasks import class_weights_of, task_of
from distilbert.opening import (
    FoundModel,
    choose_framework,
    find_model,
    framework_module,
    open_tokenizer,
)
from distilbert.runner import Runner
from distilbert.tasks.task import Task, higher_is_better
from distilbert.training.card_file import AnyCard, as_card, check_required, with_changes
from distilbert.training.checkpoints import Checkpoints, Progress
from distilbert.training.feed import Feed, n_items
from distilbert.training.log import open_log
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import RunCard
from distilbert.training.schedule import Schedule
from distilbert.training.session import BEST, Policies, Session
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
    """Train a model as a run card says, and write it with its scores, report and model card.

    Args:
        card: a run card, its values, or the path of its TOML file; None leaves all to `changes`.
        resume: go on from the newest checkpoint in `output`, if there is one.
        command: what the report names as the way to repeat the run.
        show_progress: a progress bar on standard error.
        on_scores: called with the number of updates and the scores after each evaluation on dev,
            in the leading process.
        changes: fields of the card to replace, `learning_rate=3e-5`.

    Raises:
        RunCardError: the card has unknown keys or bad values; all are named.
        DataError: rows break rules; all are named.
        TrainingError: the loss is no finite number, or the disk is full.
        InputError: `output` holds something already, and `resume` is not asked for.
    """
    card = _resolved(as_card(card, changes))
    output = Path(card.output)
    _check_output(output, resume=resume)
    examples = read_examples(card, task_of(card))
    with ExitStack() as stack:
        run = _FineTuning(card, examples, _start(card, stack))
        if not run.trainer.is_main_process:
            show_progress = False
        finished = run.train(
            output, resume=resume, show_progress=show_progress, on_scores=on_scores
        )
        result = run.trainer.broadcast(
            _with_result(finished, command) if run.trainer.is_main_process else None
        )
        run.trainer.close()
    return FineTuneResult(card=card, output=output, **result)


def _with_result(finished: Finished, command: str | None) -> dict[str, Any]:
    try:
        return finish(finished, command=command)
    except OSError as error:
        checkpoints = Checkpoints(finished.output, keep=finished.card.run.keep_checkpoints)
        raise checkpoints.out_of_space(error) from error


class _FineTuning:
    """Everything of one run, from rows to the best model."""

    def __init__(
        self,
        card: RunCard,
        examples: Examples,
        start: FoundModel,
    ) -> None:
        self.card = card
        self.examples = examples
        self.task: Task = examples.task
        self.tokenizer = open_tokenizer(start.folder)
        self.pad_id = self.tokenizer.pad_token_id or 0
        self.framework = start.framework
        train = framework_module(self.framework, "train", "fine-tune")
        model = train.starting_model(
            start.request(self.task.head), changes=self.task.config_changes(), seed=card.seed
        )
        self.base_config = model.config
        weights = class_weights_of(self.task, card.objective.class_weights, examples.train)
        if hasattr(train, "task_objective"):
            objective = train.task_objective(
                model,
                LossSettings(
                    label_smoothing=card.objective.label_smoothing,
                    r_drop=card.objective.r_drop,
                    class_weights=weights,
                ),
            )
            settings = TrainerSettings(card.optimization, seed=card.seed, device=card.run.device)
            self.trainer = train.Trainer(model, objective, settings)
        else:  # PyTorch's trainer still makes its objective itself
            self.trainer = train.Trainer(model, card, class_weights=weights)
        self.features = self.task.features(self.tokenizer, examples.train, training=True)
        self.feed = self._feed()
        self.splits = {
            name: split_of(self.task, self.tokenizer, name, rows)
            for name, rows in (("dev", examples.dev), ("test", examples.test))
            if rows
        }
        self._check_lengths()

    def _check_lengths(self) -> None:
        """The longest sequence may come late in a run, so all are looked at before."""
        limit = self.base_config.max_position_embeddings
        features = [self.features, *(split.features for split in self.splits.values())]
        longest = max(len(ids) for own in features for one in own for ids in one.sequences)
        if longest > limit:
            raise RunCardError(
                f"`max_length` must be at most what the model can read, {limit} tokens: got "
                f"{self.card.inputs.max_length}, and a sequence of {longest}."
            )

    def _feed(self) -> Feed:
        options, features = self.card.optimization, self.features
        n_sequences = np.array([len(feature.sequences) for feature in features])
        return Feed(
            lengths=np.array([feature.n_tokens for feature in features]),
            make=self._batch,
            count=lambda batch: n_items(batch, self.task.head),
            seed=self.card.seed,
            batch_size=options.batch_size,
            batch_tokens=options.batch_tokens,
            accumulation=options.accumulation,
            length_sorted=options.length_sorted,
            groups=n_sequences if len(set(n_sequences.tolist())) > 1 else None,
            data_shard=self.trainer.data_shard,
        )

    def _batch(self, numbers: Any, rng: np.random.Generator) -> dict[str, np.ndarray]:
        return self.task.batch(self.tokenizer, [self.features[i] for i in numbers], rng)

    def _policies(self) -> tuple[Policies, Schedule]:
        options, run, evaluation = self.card.optimization, self.card.run, self.card.evaluation
        total = self.feed.total(options.epochs)
        if options.max_steps is not None:
            total = min(total, options.max_steps)
        every = max(1, round(evaluation.evaluate_every * self.feed.updates_in(0)))
        evaluate_at = frozenset([*range(every, total, every), total])
        checkpoint_at = evaluate_at
        if run.checkpoint_every is not None:
            checkpoint_at = frozenset(range(run.checkpoint_every, total, run.checkpoint_every))
        policies = Policies(
            total=total,
            log_every=run.log_every,
            evaluate_at=evaluate_at,
            checkpoint_at=checkpoint_at,
            patience=evaluation.patience,
            metric=self.task.metric,
            higher_is_better=higher_is_better(self.task.metric),
        )
        schedule = Schedule(
            peak=options.learning_rate,
            kind=options.schedule,
            total=total,
            warmup=round(options.warmup * total),
            decay=round(options.decay * total),
        )
        return policies, schedule

    def train(
        self,
        output: Path,
        *,
        resume: bool,
        show_progress: bool,
        on_scores: Callable[[int, Mapping[str, float]], None] | None = None,
    ) -> Finished:
        """Go through the updates and leave the best model in `<output>/best`."""
        policies, schedule = self._policies()
        checkpoints = Checkpoints(output, keep=self.card.run.keep_checkpoints)
        progress = Progress(identity=self._identity())
        newest = checkpoints.newest() if resume else None
        if newest is not None:
            arrays, progress = checkpoints.load(newest, progress.identity)
            self.trainer.restore(arrays)
        with open_log(
            output if self.trainer.is_main_process else None,
            tensorboard=self.card.run.tensorboard,
            trackers=self.card.run.trackers,
            card=self.card.model_dump(),
            total_steps=policies.total,
            resume_step=None if newest is None else progress.step,
            show_progress=show_progress,
        ) as log:
            session = Session(
                feed=self.feed,
                schedule=schedule,
                policies=policies,
                checkpoints=checkpoints,
                progress=progress,
                log=log,
                evaluate=self._evaluate if "dev" in self.splits else None,
                output=output,
                on_scores=on_scores,
            )
            self.trainer.run(session)
            if session.evaluate is None:
                self.trainer.save(session.best_folder)
            history = log.history()
        return Finished(
            card=self.card,
            framework=self.framework,
            task=self.task,
            tokenizer=self.tokenizer,
            splits=self.splits,
            progress=session.progress,
            history=history,
            best=output / BEST,
            output=output,
            n_train=len(self.examples.train),
            skipped=self.examples.skipped,
            pad_id=self.pad_id,
        )

    def _evaluate(self, runner: Runner) -> dict[str, float]:
        dev: Split = self.splits["dev"]
        tokens = self.card.evaluation.eval_batch_tokens
        found = evaluated(self.task, runner, dev, batch_tokens=tokens, pad_id=self.pad_id)
        task = self.task.tuned(dev.examples, found.answers)
        if task is self.task:
            return found.scores
        return {**found.scores, **task.scorer(dev.examples, found.answers)()}

    def _identity(self) -> dict[str, Any]:
        """Tells runs apart that may not go on from each other's checkpoints."""
        card = self.card.model_dump()
        decisive = {name: card[name] for name in ("task", "model", "seed")}
        for section in ("inputs", "objective", "optimization", "lora", "distillation"):
            decisive |= card[section]
        decisive |= {name: card["evaluation"][name] for name in DECISIVE}
        data = hashlib.sha256(self.feed.lengths.tobytes()).hexdigest()[:16]
        found = {**decisive, "framework": self.framework, "train": data}
        return json.loads(json.dumps(found))  # as it comes back from a file


def _resolved(card: RunCard) -> RunCard:
    """The card with its framework, once everything the run needs is there."""
    check_required(card, ("model", "output"))
    for name in card.run.trackers:
        package_of(name)
    framework = choose_framework(card.framework)
    require_framework(framework, f"fine-tune with `framework={framework!r}`")
    return with_changes(card, {"framework": framework})  # which fields it has not is told now


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


def _start(card: RunCard, stack: ExitStack) -> FoundModel:
    """The checkpoint to start from; a BERT is folded first."""
    found = find_model(card.model, framework=card.framework)
    if is_bert(found.folder):
        folded = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "model"
        convert(found.folder, folded)
        found = find_model(folded, framework=card.framework)
    return found
