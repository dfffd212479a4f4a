"""Texts and pairs with one label, several labels, or a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.collation import collate
from distilbert.tasks.columns import (
    Columns,
    kind_of,
    read_label,
    usual_kind,
    values_of,
)
from distilbert.tasks.combination import combine
from distilbert.tasks.probability import log_softmax, sigmoid
from distilbert.tasks.sequence_classification import predict as unlabelled
from distilbert.tasks.sequence_classification.metrics import (
    average_precision,
    best_threshold,
    calibration,
    class_scores,
    confusion,
    label_scores,
    per_label,
)
from distilbert.tasks.sequence_classification.regression_metrics import value_scores
from distilbert.tasks.task import Answer, Feature, Scorer
from distilbert.tasks.windows import Tokenizer

SINGLE, MULTI = "single_label_classification", "multi_label_classification"
REGRESSION = "regression"
METRICS = {SINGLE: "accuracy", MULTI: "f1_micro", REGRESSION: "pearson_spearman"}
LOWER_IS_BETTER = ("loss", "rmse", "mae")
# A rare label may count so much more than its absence, at most.
LARGEST_WEIGHT = 10.0

EMPTY = "A text must not be empty."
NOT_TEXT = "A text must be text."
FOREIGN = "A label must be among those of the training rows, or of `labels`:"
MISSING = "A row must have a label: a text or a finite number."
LABELS_SHOWN = 10
NOT_A_VALUE = "The label of a regression must be a finite number."
MIXED = "Labels must be of one kind."


@dataclass(frozen=True, slots=True)
class Example:
    """A text or a pair; `truth` is a label number, a tuple of them, or a value."""

    text: str
    text_pair: str | None
    truth: Any
    place: str


@dataclass(frozen=True)
class SequenceClassificationTask:
    """Classification or rating of texts.

    `columns` names the columns; `labels` in the order of their numbers; `problem_type` one of
    `distilbert.config.PROBLEM_TYPES`, None to be learned from the labels; `thresholds` the lowest
    probability at which each of several labels holds.
    """

    columns: Columns = field(default_factory=Columns)
    labels: tuple[str, ...] = ()
    problem_type: str | None = None
    max_length: int = 128
    overlap: int | None = None
    long_texts: str = "windows"
    chosen_metric: str | None = None
    thresholds: tuple[float, ...] = ()

    head = "sequence_classification"

    @property
    def metric(self) -> str:
        """`accuracy`, `f1_micro` or `pearson_spearman`, unless another is chosen."""
        return self.chosen_metric or METRICS[self.problem_type or SINGLE]

    @property
    def higher_is_better(self) -> bool:
        """False for errors."""
        return self.metric not in LOWER_IS_BETTER

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Columns, kind of problem and label names as the training rows show them."""
        rows = list(rows)
        columns = self.columns.found_in(rows)
        usual = usual_kind(rows, columns.label)
        found = [
            read_label(row, columns)
            for row in rows
            if kind_of(row.values.get(columns.label or "")) == usual
        ]
        kind = self.problem_type or _kind_of(found, declared=bool(self.labels))
        labels = self.labels
        if not labels and kind != REGRESSION:
            names = {name for label in found if label is not None for name in values_of(label)}
            labels = tuple(sorted(names, key=_natural))
        mine = self.columns  # a column that is not there is told by `examples`
        columns = replace(
            columns,
            text=columns.text or mine.text,
            text_pair=columns.text_pair or mine.text_pair,
            label=columns.label or mine.label,
        )
        return replace(self, columns=columns, labels=labels, problem_type=kind)

    def config_changes(self) -> dict[str, Any]:
        """The kind of problem and the names of the labels."""
        if self.problem_type == REGRESSION:
            return {"num_labels": 1, "problem_type": REGRESSION}
        return {
            "id2label": dict(enumerate(self.labels)),
            "label2id": {label: i for i, label in enumerate(self.labels)},
            "problem_type": self.problem_type,
        }

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Example]:
        """Examples with texts that are not empty and labels of the right kind."""
        rows = list(rows)
        columns = self.columns.found_in(rows, problems)
        if columns.text is None or columns.label is None:
            return []
        number = {label: i for i, label in enumerate(self.labels)}
        usual = usual_kind(rows, columns.label)
        examples = []
        for row in rows:
            texts: list[Any] = [row.values.get(columns.text)]
            if columns.text_pair is not None:
                texts.append(row.values.get(columns.text_pair))
            if not _are_texts(texts, row, problems):
                continue
            given = row.values.get(columns.label)
            if self.problem_type != REGRESSION and kind_of(given) not in (usual, None):
                problems.add(MIXED, row.place, given)
                continue
            truth = self._truth(row, columns, number, problems)
            if truth is not None:
                pair = texts[1] if columns.text_pair is not None else None
                examples.append(Example(texts[0], pair, truth, row.place))
        return examples

    def _truth(
        self, row: Row, columns: Columns, number: Mapping[str, int], problems: Problems
    ) -> Any:
        label = read_label(row, columns)
        given = row.values.get(columns.label or "")
        if self.problem_type == REGRESSION:
            value = _as_value(given)
            if value is None:
                problems.add(NOT_A_VALUE, row.place, given)
            return value
        if label is None:
            problems.add(MISSING, row.place, given)
            return None
        names = values_of(label)
        if self.problem_type == SINGLE and isinstance(label, tuple):
            problems.add(MIXED, row.place, given)
            return None
        foreign = [name for name in names if name not in number]
        if foreign:
            problems.add(self._foreign(), row.place, ", ".join(foreign))
            return None
        numbers = tuple(number[name] for name in names)
        return numbers if self.problem_type == MULTI else numbers[0]

    def _foreign(self) -> str:
        more = "" if len(self.labels) <= LABELS_SHOWN else ", ..."
        return f"{FOREIGN} {', '.join(self.labels[:LABELS_SHOWN])}{more}."

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Example], *, training: bool
    ) -> list[Feature]:
        """A feature per window of a text, or only the first; all carry the label of the text."""
        plain = [unlabelled.Example(one.text, one.text_pair) for one in examples]
        encoded = unlabelled.encode(
            tokenizer, plain, max_length=self.max_length, overlap=self.overlap
        )
        features = []
        for number, (example, windows) in enumerate(zip(examples, encoded, strict=True)):
            labels = {"labels": self._target(example)} if training else {}
            shown = windows[:1] if self.long_texts == "cut" else windows
            features += [Feature((window.ids,), labels, number, window.weight) for window in shown]
        return features

    def _target(self, example: Example) -> Any:
        if self.problem_type == SINGLE:
            return example.truth
        if self.problem_type == REGRESSION:
            return np.array([example.truth], dtype=np.float32)
        target = np.zeros(len(self.labels), dtype=np.float32)
        target[list(example.truth)] = 1.0
        return target

    def weights_of(self, examples: Sequence[Example]) -> np.ndarray | None:
        """How much each label should count so that rare ones are heard, float32 (N,).

        Single labels: E / (N * count), whose mean over examples is 1. Several labels: absences per
        presence, between 0.1 and 10.
        """
        if self.problem_type == REGRESSION:
            return None
        counts = Counter(name for one in examples for name in _numbers(one.truth))
        n = np.array([counts[i] for i in range(len(self.labels))], dtype=np.float64)
        if self.problem_type == SINGLE:
            weights = len(examples) / (len(n) * np.maximum(n, 1))
        else:
            weights = (len(examples) - n) / np.maximum(n, 1)
            weights = weights.clip(1 / LARGEST_WEIGHT, LARGEST_WEIGHT)
        return weights.astype(np.float32)

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """A padded batch with `labels` (B,) or (B, N); nothing in it is random."""
        return collate(features, pad_id=0)

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The logits (N,)."""
        return outputs["logits"].copy()

    def answers(
        self, examples: Sequence[Example], features: Sequence[Feature], kept: Sequence[np.ndarray]
    ) -> list[Answer]:
        """`probabilities` of all labels with the `label` or `labels` they speak for; or a `value`.

        Windows of one text are combined as logits, each weighed by what it alone shows.
        """
        own: list[list[int]] = [[] for _ in examples]
        for number, feature in enumerate(features):
            own[feature.example].append(number)
        rows = [
            combine(
                np.stack([kept[i] for i in numbers]),
                [features[i].detail for i in numbers],
                "mean",
            )
            for numbers in own
        ]
        return [self._answer(row) for row in rows]

    def _answer(self, logits: np.ndarray) -> Answer:
        if self.problem_type == REGRESSION:
            return {"value": float(logits[0])}
        if self.problem_type == SINGLE:
            logs = log_softmax(logits)
            return {
                "label": self.labels[int(logs.argmax())],
                "probabilities": np.exp(logs).tolist(),
            }
        probabilities = sigmoid(logits)
        return {"labels": self._holding(probabilities), "probabilities": probabilities.tolist()}

    def _holding(self, probabilities: np.ndarray) -> list[str]:
        holds = probabilities >= np.array(self.thresholds or [0.5] * len(self.labels))
        return [self.labels[i] for i in np.flatnonzero(holds)]

    def with_thresholds(self, examples: Sequence[Example], answers: Sequence[Answer]) -> Self:
        """The threshold, one for all labels, that gives the highest micro F1 on these examples."""
        threshold, _ = best_threshold(self._truths(examples), _probabilities(answers))
        return replace(self, thresholds=(threshold,) * len(self.labels))

    def scorer(self, examples: Sequence[Example], answers: Sequence[Answer]) -> Scorer:
        """Scores as their definitions in `classification_metrics` and `regression_metrics`."""
        if self.problem_type == REGRESSION:
            return _ValueScorer(
                np.array([one.truth for one in examples], dtype=np.float64),
                np.array([answer["value"] for answer in answers], dtype=np.float64),
            )
        if self.problem_type == SINGLE:
            truth = np.array([one.truth for one in examples], dtype=np.int64)
            return _ClassScorer(truth, _probabilities(answers), len(self.labels))
        thresholds = np.array(self.thresholds or [0.5] * len(self.labels))
        return _LabelScorer(self._truths(examples), _probabilities(answers), thresholds)

    def losses(self, examples: Sequence[Example], answers: Sequence[Answer]) -> np.ndarray:
        """Minus the log-probability of the truth, averaged over labels where each is decided on its
        own; or the squared error (E,)."""
        if self.problem_type == REGRESSION:
            truth = np.array([one.truth for one in examples], dtype=np.float64)
            return (np.array([answer["value"] for answer in answers]) - truth) ** 2
        found = np.clip(_probabilities(answers), np.finfo(np.float64).tiny, 1.0)
        if self.problem_type == SINGLE:
            truth = np.array([one.truth for one in examples], dtype=np.int64)
            return -np.log(found[np.arange(len(truth)), truth])
        other = np.clip(1 - found, np.finfo(np.float64).tiny, 1.0)
        return -np.where(self._truths(examples), np.log(found), np.log(other)).mean(axis=1)

    def tables(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        """Confusions, scores per label and calibration; for values the extremes of both sides."""
        if self.problem_type == REGRESSION:
            return {
                "values": [
                    {"truth": float(one.truth), "predicted": answer["value"]}
                    for one, answer in zip(examples, answers, strict=True)
                ]
            }
        found = _probabilities(answers)
        if self.problem_type == MULTI:
            truth = self._truths(examples)
            said = found >= np.array(self.thresholds or [0.5] * len(self.labels))
            counts = ((truth & said).sum(0), said.sum(0), truth.sum(0))
            sure = np.where(said, found, 1 - found)
            return {
                "per_label": per_label(self.labels, *counts),
                "thresholds": dict(zip(self.labels, self.thresholds, strict=False)),
                "calibration": calibration(sure.ravel(), (said == truth).ravel()),
            }
        truth = np.array([one.truth for one in examples], dtype=np.int64)
        said = found.argmax(axis=1)
        counts = confusion(truth, said, len(self.labels))
        return {
            "confusion": {"labels": list(self.labels), "counts": counts.tolist()},
            "per_label": per_label(self.labels, np.diag(counts), counts.sum(0), counts.sum(1)),
            "calibration": calibration(found.max(axis=1), said == truth),
        }

    def shown(self, example: Example) -> str:
        """The texts and the truth."""
        names = [self.labels[i] for i in _numbers(example.truth)] if self.labels else []
        truth = ", ".join(names) if names else f"{example.truth}"
        texts = (
            example.text if example.text_pair is None else f"{example.text} | {example.text_pair}"
        )
        return f"{texts}  ->  {truth}"

    def _truths(self, examples: Sequence[Example]) -> np.ndarray:
        """Which labels hold, bool (E, N)."""
        truth = np.zeros((len(examples), len(self.labels)), dtype=bool)
        for row, example in zip(truth, examples, strict=True):
            row[list(example.truth)] = True
        return truth


@dataclass(frozen=True)
class _ClassScorer:
    truth: np.ndarray
    probabilities: np.ndarray
    n_labels: int

    def __call__(self, indices: np.ndarray | None = None) -> dict[str, float]:
        truth, said = self.truth, self.probabilities.argmax(axis=1)
        if indices is not None:
            truth, said = truth[indices], said[indices]
        counts = confusion(truth, said, self.n_labels)
        return class_scores(counts, positive=1 if self.n_labels == 2 else None)


@dataclass(frozen=True)
class _LabelScorer:
    truth: np.ndarray
    probabilities: np.ndarray
    thresholds: np.ndarray

    def __call__(self, indices: np.ndarray | None = None) -> dict[str, float]:
        truth, found = self.truth, self.probabilities
        if indices is not None:
            return label_scores(truth[indices], found[indices] >= self.thresholds)
        precision = [average_precision(truth[:, i], found[:, i]) for i in range(truth.shape[1])]
        scores = label_scores(truth, found >= self.thresholds)
        return {**scores, "average_precision": float(np.mean(precision))}


@dataclass(frozen=True)
class _ValueScorer:
    truth: np.ndarray
    predicted: np.ndarray

    def __call__(self, indices: np.ndarray | None = None) -> dict[str, float]:
        chosen = slice(None) if indices is None else indices
        return value_scores(self.truth[chosen], self.predicted[chosen])


def _probabilities(answers: Sequence[Answer]) -> np.ndarray:
    return np.array([answer["probabilities"] for answer in answers], dtype=np.float64)


def _numbers(truth: Any) -> tuple[int, ...]:
    return truth if isinstance(truth, tuple) else (truth,)


def _as_value(given: Any, *, finite: bool = True) -> float | None:
    if isinstance(given, bool) or not isinstance(given, (int, float, str, np.number)):
        return None
    try:
        value = float(given)
    except ValueError:
        return None
    return value if np.isfinite(value) or not finite else None


def _are_texts(texts: Sequence[Any], row: Row, problems: Problems) -> bool:
    for text in texts:
        if not isinstance(text, str):
            problems.add(NOT_TEXT, row.place, text)
            return False
        if not text.strip():
            problems.add(EMPTY, row.place, text)
            return False
    return True


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers by their value, before words by their letters."""
    value = _as_value(name)
    return (1, 0.0, name) if value is None else (0, value, name)


def _kind_of(labels: Sequence[Any], *, declared: bool) -> str:
    """Several labels where any row has a list; values where most are and any is no whole number
    (pandas writes labels as 0.0 and 1.0); else one label."""
    given = [label for label in labels if label is not None]
    if any(isinstance(label, tuple) for label in given):
        return MULTI
    values = [x for label in given if (x := _as_value(label, finite=False)) is not None]
    are_values = 2 * len(values) > len(given)
    if are_values and not declared and any(value % 1 > 0 for value in values):
        return REGRESSION
    return SINGLE
