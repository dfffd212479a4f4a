"""What a run of fine-tuning is assembled from: examples and a checkpoint to trainer and feed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from distilbert.checkpoint.bert import fold_bert, is_bert
from distilbert.checkpoint.bert_folder import carried_files
from distilbert.checkpoint.loading import LoadRequest
from distilbert.errors import RunCardError
from distilbert.finetuning.datasets import Examples
from distilbert.finetuning.features import pack_features
from distilbert.finetuning.identity import NOT_DECISIVE, data_identity
from distilbert.finetuning.scoring import Evaluated, evaluated, scores_of, split_of
from distilbert.finetuning.tasks import class_weights_of
from distilbert.finetuning.teacher import Teacher, token_types
from distilbert.load_options import LoadOptions
from distilbert.opening import (
    FoundModel,
    find_model,
    framework_module,
    open_tokenizer,
    tokenizer_of,
)
from distilbert.runner import Runner
from distilbert.tasks.task import Task
from distilbert.tokenization.identity import tokenizer_digest
from distilbert.training.feed import Feed, count_items
from distilbert.training.identity import card_identity, model_identity
from distilbert.training.objective import LossSettings, TrainerSettings
from distilbert.training.run_card import RunCard
from distilbert.training.session import Trainer


def starting_point(found: FoundModel, head: str) -> tuple[LoadRequest, Any]:
    """What to load for a model with `head`, and its tokenizer; a BERT is folded into DistilBERT."""
    request = found.request(head)
    if not is_bert(found.folder):
        return request, open_tokenizer(found.folder)
    folded = fold_bert(found.folder)
    files = carried_files(found.folder, folded.config.max_position_embeddings)
    return replace(request, config=folded.config, state=folded.arrays), tokenizer_of(files)


class FineTuning:
    """What a run is assembled from: task, features, objective, trainer and feed."""

    def __init__(
        self, card: RunCard, examples: Examples, start: FoundModel, options: LoadOptions
    ) -> None:
        self.card, self.framework = card, start.weights_framework()
        self.task: Task = examples.task
        self.n_train, self.skipped = len(examples.train), examples.skipped
        self.request, self.tokenizer = starting_point(start, self.task.head)
        self.pad_id = self.tokenizer.pad_token_id or 0
        package = framework_module(self.framework, "train", "fine-tune")
        changes = self.task.config_changes()
        model = package.starting_model(self.request, changes=changes, seed=card.seed)
        self.config = model.config
        weights = class_weights_of(self.task, card.objective.class_weights, examples.train)
        teacher, loaded = None, None
        if card.distillation.teacher is not None:
            found = find_model(card.distillation.teacher, framework=card.framework, options=options)
            teacher = Teacher.of(found, self.task.head, self.tokenizer)
            loaded = teacher.loaded(model, labels_are_ordered=bool(card.data.labels))
        self._adds_token_types = teacher is not None and teacher.segments is not None
        self.trainer = _trainer(package, model, card, loaded, weights)
        self.features = pack_features(self.task, self.tokenizer, examples.train)
        self.splits = {
            name: split_of(self.task, self.tokenizer, name, rows)
            for name, rows in (("dev", examples.dev), ("test", examples.test))
            if rows
        }
        self._check_lengths(model.config.max_position_embeddings, "model")
        if loaded is not None:
            self._check_lengths(loaded.config.max_position_embeddings, "teacher")
        self.feed = self._feed()
        # What must be equal for a run to be resumed from a checkpoint of another one.
        self.identity = {
            **card_identity(card, NOT_DECISIVE),
            **data_identity(examples),
            "the tokenizer": tokenizer_digest(self.tokenizer),
            **model_identity(start, "`model`"),
            **({} if teacher is None else model_identity(teacher.found, "`teacher`")),
        }

    def _check_lengths(self, limit: int, reader: str) -> None:
        """The longest sequence may come late in a run, so all are checked before."""
        scored = (one for split in self.splits.values() for one in split.features)
        longest = max((len(ids) for one in scored for ids in one.sequences), default=0)
        longest = max(longest, int(self.features.lengths.max()))
        if longest > limit:
            raise RunCardError(
                f"`max_length` must be at most what the {reader} can read, {limit} tokens: got "
                f"{self.card.inputs.max_length}, and a sequence of {longest}."
            )

    def _feed(self) -> Feed:
        options, counts = self.card.optimization, self.features.counts
        processes = self.trainer.processes
        return Feed(
            lengths=self.features.n_tokens,
            make=self._batch,
            count=lambda batch: count_items(batch, self.task.head),
            seed=self.card.seed,
            batch_size=options.batch_size,
            batch_tokens=options.batch_tokens,
            accumulation=options.accumulation,
            length_sorted=options.length_sorted,
            groups=counts if (counts != counts[0]).any() else None,
            data_shard=(processes.rank, processes.size),
        )

    def _batch(self, numbers: Any, rngs: Any) -> dict[str, np.ndarray]:
        features = [self.features[i] for i in numbers]
        batch = self.task.batch(self.tokenizer, features, rngs)
        if self._adds_token_types:
            batch["token_type_ids"] = token_types(batch["attention_mask"], features)
        return batch

    def evaluate(self, runner: Runner) -> dict[str, float]:
        """Scores on dev, with the thresholds that are best there."""
        return self.scored(runner, ("dev",))[1]["dev"].scores

    def scored(self, runner: Runner, names: Iterable[str]) -> tuple[Task, dict[str, Evaluated]]:
        """Answers and scores on these splits, dev first, and the task with its best thresholds."""
        task, tokens, found = self.task, self.card.evaluation.eval_batch_tokens, {}
        for name in names:
            split = self.splits[name]
            one = evaluated(task, runner, split, batch_tokens=tokens, pad_id=self.pad_id)
            if name == "dev":
                task = task.tuned(split.examples, one.answers)
            found[name] = one
        if task is not self.task:
            for name, one in found.items():
                answers = task.decided(one.answers)
                scores = scores_of(task, one.split, answers)
                found[name] = replace(one, answers=answers, scores=scores)
        return task, found


def _trainer(
    package: Any,
    model: Any,
    card: RunCard,
    teacher: Any,
    class_weights: np.ndarray | None,
) -> Trainer:
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
