"""The metric that a quantized model must keep: that of its task, or of an encoder's vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from distilbert.batching import run_windows
from distilbert.data.memory import describe, names_sources, sources_of
from distilbert.errors import InputError, QuantizationError
from distilbert.finetuning.evaluate import card_for, read_examples
from distilbert.finetuning.scoring import Split, answered, scores_of, split_of
from distilbert.finetuning.tasks import as_trained, check_metric, task_of
from distilbert.heads import HEADS
from distilbert.opening import OpenModel
from distilbert.runner import Runner
from distilbert.tasks import embedding
from distilbert.tasks.sequence_classification.metrics import value_scores
from distilbert.tasks.sequence_classification.rows import REGRESSION
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.tasks.task import Scorer, Task, higher_is_better, scorer_of
from distilbert.training.card_file import AnyCard, with_changes
from distilbert.training.intervals import paired_bootstrap
from distilbert.training.run_card import RunCard

TEXT_CLASSIFICATION = "text-classification"
# Heads whose scores are percentages; those of all others lie between 0 and 1.
IN_PERCENT = ("question_answering",)
COSINE_SCORES = ("spearman", "pearson")


@dataclass(frozen=True)
class Scored:
    """The scores of a model, and what computes them for resamples of the examples."""

    scores: Mapping[str, float]
    scorer: Scorer


@dataclass(frozen=True, kw_only=True)
class TaskMetric:
    """The metric that `evaluate` reports for a task.

    Attributes:
        name: the score that counts.
        data: what the examples were read from.
        resamples, seed: of the interval of a difference.
    """

    name: str
    data: str
    n_examples: int
    resamples: int
    seed: int
    task: Task
    split: Split
    pad_id: int
    batch_tokens: int | None

    @property
    def sequences(self) -> list[np.ndarray]:
        """The ids of all features."""
        return [ids for feature in self.split.features for ids in feature.sequences]

    def score(self, runner: Runner) -> Scored:
        """All scores of the task."""
        options = {"batch_tokens": self.batch_tokens, "pad_id": self.pad_id}
        answers = answered(self.task, runner, self.split, **options)
        scores = scores_of(self.task, self.split, answers)
        return Scored(scores, self.task.scorer(self.split.examples, answers))


@dataclass(frozen=True, kw_only=True)
class SimilarityMetric:
    """Rank correlation of the cosine of two texts' vectors with the similarity that rows state.

    Attributes:
        truth: the similarities, (E,).
        sequences: the ids (S,) of the first texts, then those of the second ones.
        others: as those of `TaskMetric`.
    """

    name: str
    data: str
    n_examples: int
    resamples: int
    seed: int
    truth: np.ndarray
    sequences: list[np.ndarray]
    pooling: Any
    pad_id: int
    batch_tokens: int | None

    def score(self, runner: Runner) -> Scored:
        """Spearman and Pearson."""
        vectors = sentence_vectors(
            runner,
            self.sequences,
            pooling=self.pooling,
            pad_id=self.pad_id,
            batch_tokens=self.batch_tokens,
        )
        first, second = np.split(embedding.normalize(vectors).astype(np.float64), 2)
        scorer = scorer_of(_correlations, self.truth, (first * second).sum(axis=1))
        return Scored(scorer(), scorer)


Metric = TaskMetric | SimilarityMetric


def _correlations(truth: np.ndarray, found: np.ndarray) -> dict[str, float]:
    scores = value_scores(truth, found)
    return {name: scores[name] for name in COSINE_SCORES}


def sentence_vectors(
    runner: Runner,
    sequences: Sequence[np.ndarray],
    *,
    pooling: Any,
    pad_id: int,
    batch_tokens: int | None = None,
) -> np.ndarray:
    """One vector per sequence, float32 (N, D), not scaled."""

    def pooled(number: int, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        return embedding.pool(outputs["last_hidden_state"][: len(sequences[number])], pooling)

    options: dict[str, Any] = {"pad_id": pad_id, "batch_tokens": batch_tokens}
    return np.stack(run_windows(runner, sequences, pooled, **options))


def read_metric(
    model: OpenModel,
    data: Any,
    *,
    pooling: str | None,
    card: AnyCard,
    changes: Mapping[str, Any],
    batch_tokens: int | None,
) -> Metric:
    """The metric of a model on labelled rows, read once.

    Args:
        data: as that of `evaluate`; for an encoder, pairs of texts with their similarity.
        pooling: that of an encoder, None for mean.
        card, changes: as those of `evaluate`.

    Raises:
        DataError: rows break rules.
        InputError: rows of an encoder are no pairs, or it has another metric.
    """
    sources = sources_of(data) if names_sources(data) else ()
    is_encoder = model.head == "base"
    if model.head == "masked_lm" and {"glue", "text_pair"} & {*changes}:
        raise InputError(
            "Pairs of texts are the rows of an encoder: got them for the head 'masked_lm'. Choose "
            "the encoder with `head='base'` (--head base)."
        )
    task_name = TEXT_CLASSIFICATION if is_encoder else HEADS[model.head].task
    chosen = with_changes(card_for(card, model.folder, sources), {**changes, "task": task_name})
    pad_id = model.tokenizer.pad_token_id or 0
    facts = {"pad_id": pad_id, "batch_tokens": batch_tokens, "seed": chosen.seed}
    facts["resamples"] = chosen.evaluation.bootstrap
    if is_encoder:
        return _similarity(model, data, sources, chosen, pooling=pooling or "mean", facts=facts)
    task = as_trained(task_of(chosen), model.folder, model.config, chosen=changes)
    check_metric(task, chosen.evaluation.metric)
    examples, skipped = read_examples(task, chosen, data)
    return TaskMetric(
        name=task.metric,
        data=_named(data, sources, len(examples) + skipped),
        n_examples=len(examples),
        task=task,
        split=split_of(task, model.tokenizer, "eval", examples),
        **facts,
    )


def _similarity(
    model: OpenModel,
    data: Any,
    sources: Sequence[str],
    card: RunCard,
    *,
    pooling: str,
    facts: dict[str, Any],
) -> SimilarityMetric:
    name = card.evaluation.metric or COSINE_SCORES[0]
    if name not in COSINE_SCORES:
        raise InputError(
            f"`metric` must be one of {', '.join(COSINE_SCORES)} for an encoder: got {name!r}."
        )
    of_card = task_of(card)
    assert isinstance(of_card, SequenceClassificationTask)
    task = replace(of_card, problem_type=REGRESSION, labels=())
    examples, skipped = read_examples(task, card, data)
    if any(example.text_pair is None for example in examples):
        raise InputError(
            "`eval_data` of an encoder must be pairs of texts with their similarity: got rows with "
            "one text. Name the columns with `text`, `text_pair` and `label`."
        )
    texts = [example.text for example in examples] + [example.text_pair for example in examples]
    return SimilarityMetric(
        name=name,
        data=_named(data, sources, len(examples) + skipped),
        n_examples=len(examples),
        truth=np.array([example.truth for example in examples], float),
        sequences=first_windows(model, texts),
        pooling=pooling,
        **facts,
    )


def first_windows(model: OpenModel, texts: Sequence[str]) -> list[np.ndarray]:
    """The ids (S,) of each text, as many as fit the model."""
    windows = embedding.encode(model.tokenizer, texts, max_length=model.max_length, truncate=True)
    return [of_text[0].ids for of_text in windows]


def _named(data: Any, sources: Sequence[str], n_rows: int) -> str:
    return ", ".join(sources) or describe(data, n_rows)


def points_lost(name: str, head: str, before: float, after: float) -> float:
    """How many points a score is worse: percent of its scale, or of a score without one, such as a
    loss, by how many percent it grew.

    Raises:
        QuantizationError: one is not a number.
    """
    if not np.isfinite([before, after]).all():
        raise QuantizationError(
            f"The metric must be a number before and after: {name} is {before:g} and {after:g}. "
            f"Choose another `metric` or other rows."
        )
    if higher_is_better(name):
        return (before - after) * (1 if head in IN_PERCENT else 100)
    return 100 * (after - before) / abs(before) if before else float(after > 0) * 100


def interval_of_loss(
    metric: Metric, head: str, before: Scored, after: Scored
) -> tuple[float, float]:
    """The 95 % interval of `points_lost`, by a paired bootstrap."""
    name, value = metric.name, before.scores[metric.name]
    if name == "loss":  # which has no scorer
        return (float("nan"), float("nan"))
    found = paired_bootstrap(
        before.scorer, after.scorer, metric.n_examples, resamples=metric.resamples, seed=metric.seed
    )
    low, high = found[name]["interval"]
    ends = sorted(points_lost(name, head, value, value + one) for one in (low, high))
    return (ends[0], ends[1])
