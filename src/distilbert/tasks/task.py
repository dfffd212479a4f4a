"""What training and evaluation ask of a task, whichever of the five it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.windows import Tokenizer

# An answer as it is stored and compared: plain values that JSON can hold.
Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Feature:
    """What a model sees of an example at once.

    `sequences` holds ids (S,) with special tokens: one array, or one per choice. `labels` maps an
    argument of the model's forward to a number, to values (N,) or to one label per token (S,); it
    is empty where nothing is to be learned. `example` is the example's number; `detail` whatever
    the task needs to read the outputs.
    """

    sequences: tuple[np.ndarray, ...]
    labels: Mapping[str, Any]
    example: int
    detail: Any = None

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
    """A task with its options.

    `head` is one of `distilbert.heads.HEADS`; `metric` the score that chooses the best
    model, a key of what the scorer returns; `higher_is_better` says which way.
    """

    @property
    def head(self) -> str: ...
    @property
    def metric(self) -> str: ...
    @property
    def higher_is_better(self) -> bool: ...

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """This task with label names learned from training rows; itself where it knows them."""
        ...

    def config_changes(self) -> dict[str, Any]:
        """Fields of a `DistilBertConfig` that the task decides: `id2label`, `problem_type`, ..."""
        ...

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Any]:
        """The examples of good rows; what is wrong with the others goes to `problems`."""
        ...

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Any], *, training: bool
    ) -> list[Feature]:
        """One or several features per example, in order of the examples."""
        ...

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """A padded training batch: `input_ids`, `attention_mask` (int64, (B, S) or (B, C, S)) and
        the labels, -100 where a token has none. Only `rng` may decide what is random in it."""
        ...

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> Any:
        """What is worth keeping of a model's outputs for one feature, without the batch axis.

        Arrays with an S axis may end in padding. Must copy what it keeps.
        """
        ...

    def answers(
        self, examples: Sequence[Any], features: Sequence[Feature], kept: Sequence[Any]
    ) -> list[Answer]:
        """One answer per example from what `reduce` kept of each feature."""
        ...

    def scorer(self, examples: Sequence[Any], answers: Sequence[Answer]) -> Scorer:
        """How good the answers are."""
        ...

    def losses(self, examples: Sequence[Any], answers: Sequence[Answer]) -> np.ndarray:
        """How wrong each answer is, float64 (E,): minus the log-probability of the truth, or the
        squared error. Its mean is the loss of the data set."""
        ...

    def tables(self, examples: Sequence[Any], answers: Sequence[Answer]) -> dict[str, Any]:
        """What a report shows besides scores, as JSON: a confusion matrix, scores per type, ..."""
        ...

    def shown(self, example: Any) -> str:
        """An example in one line, with its truth, for people."""
        ...
