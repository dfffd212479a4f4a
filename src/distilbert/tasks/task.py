"""What training and evaluation need of a task, whichever of the five it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeVar

import numpy as np

from distilbert.config import DistilBertConfig
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.windows import Tokenizer

# An answer as it is stored and compared: plain values that JSON can represent.
Answer = dict[str, Any]

LOWER_IS_BETTER = ("loss", "perplexity", "rmse", "mae")


def higher_is_better(metric: str) -> bool:
    """Whether a model with a higher score of this name is better."""
    return metric not in LOWER_IS_BETTER


def label_names(config: DistilBertConfig) -> tuple[str, ...]:
    """The label names of a config in the order of their numbers."""
    return tuple(config.id2label[number] for number in range(config.num_labels))


def default_names(n: int) -> tuple[str, ...]:
    """The names that a config gives to labels without names."""
    return tuple(f"LABEL_{i}" for i in range(n))


def label_fields(labels: Sequence[str]) -> dict[str, Any]:
    """The fields of a config that name the labels."""
    return {
        "id2label": dict(enumerate(labels)),
        "label2id": {label: number for number, label in enumerate(labels)},
    }


@dataclass(frozen=True, slots=True)
class Feature:
    """An example, or the part of it that a model sees at once.

    Attributes:
        sequences: ids (S,) with special tokens: one array, or one per choice.
        labels: an argument of the model's forward -> a number, values (N,) or one label per token
            (S,); empty outside training.
        example: the number of the example among those that `Task.features` was called with.
        positions: the tokens whose outputs `Task.reduce` needs, increasing (P,); None for all.
        detail: what the task needs to read the outputs.
        seconds: where the second text of each sequence begins; None for features of single texts.
    """

    sequences: tuple[np.ndarray, ...]
    labels: Mapping[str, Any]
    example: int
    positions: np.ndarray | None = None
    detail: Any = None
    seconds: tuple[int, ...] | None = None

    @property
    def n_tokens(self) -> int:
        """Tokens of all sequences, special ones included."""
        return sum(len(ids) for ids in self.sequences)


class Scorer(Protocol):
    """Scores of answers; prepared once, so that many resamples are cheap."""

    def __call__(self, indices: np.ndarray | None = None) -> dict[str, float]:
        """All scores, or those of a resample: numbers of examples (R,), which may repeat."""
        ...


class Task(Protocol):
    """A task with its options, a frozen dataclass.

    Attributes:
        head: a key of `distilbert.heads.HEADS`.
        remembered: the fields that a result folder stores, apart from the model's config.
        metric: the score that chooses the best model, one of `score_names`.
        score_names: the scores of a task whose labels are known, `loss` first.
    """

    @property
    def head(self) -> str: ...
    @property
    def remembered(self) -> tuple[str, ...]: ...
    @property
    def metric(self) -> str: ...
    @property
    def score_names(self) -> tuple[str, ...]: ...

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """This task with what it learns from training rows, such as its label names."""
        ...

    def with_config(self, config: DistilBertConfig) -> Self:
        """This task with the labels of a trained model's config."""
        ...

    def config_changes(self) -> dict[str, Any]:
        """Fields of a `DistilBertConfig` that the task decides: `id2label`, `problem_type`, ..."""
        ...

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Any]:
        """The examples of valid rows; what is wrong with the others is added to `problems`."""
        ...

    def class_weights(self, examples: Sequence[Any]) -> np.ndarray | None:
        """Weights in the loss that balance the classes, float32 (N,); None if there are none."""
        ...

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Any], *, training: bool
    ) -> list[Feature]:
        """One or several features per example, in the order of the examples.

        Each example is encoded independently of the others (except by `MaskedLMTask.join_texts`),
        so a long list can be encoded in chunks.
        """
        ...

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rngs: Iterable[np.random.Generator]
    ) -> dict[str, np.ndarray]:
        """A padded training batch: `input_ids`, `attention_mask` (int64, (B, S) or (B, C, S)) and
        the labels, -100 where a token has none. All randomness comes from
        `rngs`, one generator per feature."""
        ...

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> Any:
        """What is needed of a model's outputs for one sequence of a feature.

        Arrays with an S axis may end in padding, or hold only the rows at `feature.positions`
        where the feature has some. Must copy what it keeps.
        """
        ...

    def answers(
        self, examples: Sequence[Any], features: Sequence[Feature], kept: Sequence[Any]
    ) -> list[Answer]:
        """One answer per example from what `reduce` kept of each sequence of each feature."""
        ...

    def tuned(self, examples: Sequence[Any], answers: Sequence[Answer]) -> Self:
        """This task with the thresholds that are best on these examples; itself if it has none."""
        ...

    def decided(self, answers: Sequence[Answer]) -> list[Answer]:
        """The answers with what the thresholds of this task decide, whichever decided before."""
        ...

    def scorer(self, examples: Sequence[Any], answers: Sequence[Answer]) -> Scorer:
        """Scores of the answers."""
        ...

    def losses(self, examples: Sequence[Any], answers: Sequence[Answer]) -> np.ndarray:
        """The loss of each answer, float64 (E,): minus the log-probability of the truth, or the
        squared error. The mean is the loss of the data set."""
        ...

    def tables(self, examples: Sequence[Any], answers: Sequence[Answer]) -> dict[str, Any]:
        """What a report shows in addition to scores, as JSON: a confusion matrix, scores per type,
        ..."""
        ...

    def describe(self, example: Any) -> str:
        """An example and its truth in one readable line."""
        ...

    def record(self, example: Any) -> dict[str, Any]:
        """The place, texts and truth of an example, which stand before its answer in a file."""
        ...


Kept = TypeVar("Kept")


def scorer_of(score: Callable[..., dict[str, float]], *arrays: np.ndarray) -> Scorer:
    """A scorer that calls `score` with the rows of `arrays` (E, ...) that a resample names."""

    def scorer(indices: np.ndarray | None = None) -> dict[str, float]:
        return score(*(arrays if indices is None else (array[indices] for array in arrays)))

    return scorer


def by_example(
    examples: Sequence[Any], features: Sequence[Feature], kept: Sequence[Kept]
) -> list[list[tuple[Feature, Kept]]]:
    """The features of each example, each with what was kept of its outputs."""
    grouped: list[list[tuple[Feature, Kept]]] = [[] for _ in examples]
    for feature, of_feature in zip(features, kept, strict=True):
        grouped[feature.example].append((feature, of_feature))
    return grouped
