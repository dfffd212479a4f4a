"""Training and scoring of texts and pairs with one label, several labels, or a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from distilbert.config import DistilBertConfig
from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks import defaults
from distilbert.tasks.metrics import count
from distilbert.tasks.probability import log_softmax, sigmoid
from distilbert.tasks.sequence_classification import predict
from distilbert.tasks.sequence_classification.labels import (
    Label,
    kind_of,
    names_of,
    read_label,
    read_value,
    usual_kind,
)
from distilbert.tasks.sequence_classification.metrics import (
    average_precision,
    best_threshold,
    calibration,
    class_scores,
    confusion,
    confusion_counts,
    label_scores,
    per_label,
    value_scores,
)
from distilbert.tasks.sequence_classification.rows import (
    MULTI,
    REGRESSION,
    SINGLE,
    Columns,
    Example,
    Labels,
    hot_names,
    read_examples,
)
from distilbert.tasks.task import (
    Answer,
    Feature,
    Scorer,
    by_example,
    label_fields,
    label_names,
    scorer_of,
)
from distilbert.tasks.windows import Tokenizer, combine

# Kind of problem -> its scores without `loss`, the default metric first.
SCORES = {
    SINGLE: ("accuracy", "f1_macro", "matthews"),
    MULTI: ("f1_micro", "f1_macro", "exact", "average_precision"),
    REGRESSION: ("pearson_spearman", "pearson", "spearman", "rmse", "mae"),
}
# Name of what a regression predicts, where its column says no more than that it is the label.
VALUE, NAMELESS = "value", ("label", "labels")
# Limit of the weight of a rare label relative to that of its absence.
LARGEST_WEIGHT = 10.0
TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True)
class SequenceClassificationTask:
    """Classification of texts, or regression on them.

    `columns` names the columns; `labels` are in the order of their numbers; `problem_type` is one
    of `distilbert.config.PROBLEM_TYPES`, None to learn it from the labels; `thresholds` are the
    lowest probabilities at which each of several labels is assigned. With `class_numbers` a row may
    have the number of a label instead of its name; not where the names are learned from rows.
    `aliases` are other names of the labels, in their order.
    """

    columns: Columns = field(default_factory=Columns)
    labels: tuple[str, ...] = ()
    problem_type: str | None = None
    max_length: int = 128
    overlap: int | None = None
    long_texts: str = "windows"
    chosen_metric: str | None = None
    thresholds: tuple[float, ...] = ()
    class_numbers: bool = True
    aliases: tuple[str, ...] = ()

    head = "sequence_classification"
    remembered = ("max_length", "overlap", "thresholds", "long_texts")
    batch = defaults.batch

    @property
    def metric(self) -> str:
        """`accuracy`, `f1_micro` or `pearson_spearman`, unless another score is chosen."""
        return self.chosen_metric or SCORES[self.problem_type or SINGLE][0]

    @property
    def score_names(self) -> tuple[str, ...]:
        """Those of the kind of problem; `f1` of the second of two labels."""
        kind = self.problem_type or SINGLE
        of_two = ("f1",) if kind == SINGLE and len(self.labels) == 2 else ()
        return ("loss", *SCORES[kind], *of_two)

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Columns, kind of problem and label names as in the training rows."""
        rows = list(rows)
        columns = self.columns.found_in(rows)
        given = columns.labels_in(rows)
        usual, hot = usual_kind(given), hot_names(given, self.labels)
        separator = columns.separator_for(self.problem_type)
        found = [
            read_label(value, separator=separator, hot=hot)
            for value in given
            if kind_of(value) == usual
        ]
        kind = self.problem_type or _problem_type(found, declared=bool(self.labels))
        labels = self.labels
        if not labels and kind != REGRESSION:
            names = {name for label in found if label is not None for name in names_of(label)}
            of_columns = columns.label if len(columns.label) > 1 else ()
            labels = hot or of_columns or tuple(sorted(names, key=_natural))
        asked = self.columns  # `examples` reports the columns that do not exist
        columns = replace(
            columns,
            text=columns.text or asked.text,
            text_pair=columns.text_pair or asked.text_pair,
            label=columns.label or asked.label,
        )
        numbered = self.class_numbers and bool(self.labels)
        return replace(
            self, columns=columns, labels=labels, problem_type=kind, class_numbers=numbered
        )

    def with_config(self, config: DistilBertConfig) -> Self:
        """The kind of problem and the label names of a trained model; without a kind, one label is
        a value, and more are classes of which one applies.

        Rows may also have the names of this task, such as those of GLUE, if the config has as many
        labels and none of these names.
        """
        kind = config.problem_type or self.problem_type
        if kind is None:
            kind = REGRESSION if config.num_labels == 1 else SINGLE
        if kind == REGRESSION:
            return replace(self, problem_type=kind)
        names = label_names(config)
        known = {name.casefold() for name in names}
        others = len(self.labels) == len(names) and known.isdisjoint(map(str.casefold, self.labels))
        return replace(
            self,
            problem_type=kind,
            labels=names,
            aliases=self.labels if others else (),
            class_numbers=True,
        )

    def config_changes(self) -> dict[str, Any]:
        """The kind of problem and the names of the labels."""
        if self.problem_type == REGRESSION:
            name = next(iter(self.columns.label), VALUE)
            name = VALUE if name.casefold() in NAMELESS else name
            return {**label_fields((name,)), "problem_type": REGRESSION}
        return {**label_fields(self.labels), "problem_type": self.problem_type}

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Example]:
        """Examples with texts that are not empty and labels of the right kind."""
        return read_examples(
            list(rows),
            problems,
            columns=self.columns,
            labels=Labels(self.labels, self.problem_type, self.class_numbers, self.aliases),
        )

    def class_weights(self, examples: Sequence[Example]) -> np.ndarray | None:
        """Weights that balance the labels, float32 (N,); None for values.

        Single labels: E / (N * count), whose mean over examples is 1. Several labels: absences per
        presence, between 0.1 and 10.
        """
        if self.problem_type == REGRESSION:
            return None
        counts = Counter(number for example in examples for number in _numbers(example.truth))
        n = np.array([counts[i] for i in range(len(self.labels))], dtype=np.float64)
        if self.problem_type == SINGLE:
            weights = len(examples) / (len(n) * np.maximum(n, 1))
        else:
            weights = (len(examples) - n) / np.maximum(n, 1)
            weights = weights.clip(1 / LARGEST_WEIGHT, LARGEST_WEIGHT)
        return weights.astype(np.float32)

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Example], *, training: bool
    ) -> list[Feature]:
        """A feature per window of a text, or only the first; all have the label of the text."""
        encoded = predict.encode(
            tokenizer,
            [predict.Example(example.text, example.text_pair) for example in examples],
            max_length=self.max_length,
            overlap=self.overlap,
        )
        features = []
        for number, (example, windows) in enumerate(zip(examples, encoded, strict=True)):
            labels = {"labels": self._target(example)} if training else {}
            for window in windows[:1] if self.long_texts == "cut" else windows:
                seconds = None if example.text_pair is None else (window.at,)
                feature = Feature((window.ids,), labels, number, None, window.weight, seconds)
                features.append(feature)
        return features

    def _target(self, example: Example) -> Any:
        if self.problem_type == SINGLE:
            return example.truth
        if self.problem_type == REGRESSION:
            return np.array([example.truth], dtype=np.float32)
        return self._truths([example])[0].astype(np.float32)

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The logits (N,)."""
        return outputs["logits"].copy()

    def answers(
        self, examples: Sequence[Example], features: Sequence[Feature], kept: Sequence[np.ndarray]
    ) -> list[Answer]:
        """`probabilities` of all labels and the `label` or `labels` that they select; or a `value`.

        Windows of one text are combined as logits, weighted by their new tokens.
        """
        answers = []
        for windows in by_example(examples, features, kept):
            weights = [feature.detail for feature, _ in windows]
            logits = combine(np.stack([logits for _, logits in windows]), weights, "mean")
            answers.append(self._answer(logits))
        return answers

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
        return self._decided({"labels": [], "probabilities": probabilities.tolist()})

    def decided(self, answers: Sequence[Answer]) -> list[Answer]:
        """The answers with the labels that reach the thresholds."""
        return [self._decided(one) if self.problem_type == MULTI else one for one in answers]

    def _decided(self, answer: Answer) -> Answer:
        assigned = np.flatnonzero(self._is_assigned(np.array(answer["probabilities"])))
        return answer | {"labels": [self.labels[i] for i in assigned]}

    def _is_assigned(self, probabilities: np.ndarray) -> np.ndarray:
        return probabilities >= np.array(self.thresholds or predict.THRESHOLD)

    def tuned(self, examples: Sequence[Example], answers: Sequence[Answer]) -> Self:
        """For several labels, with the one threshold that has the highest micro F1."""
        if self.problem_type != MULTI:
            return self
        threshold, _ = best_threshold(self._truths(examples), _probabilities(answers))
        return replace(self, thresholds=(threshold,) * len(self.labels))

    def scorer(self, examples: Sequence[Example], answers: Sequence[Answer]) -> Scorer:
        """Scores as defined in `metrics.py`."""
        if self.problem_type == REGRESSION:
            return scorer_of(value_scores, *_values(examples, answers))
        probabilities = _probabilities(answers)
        if self.problem_type == SINGLE:
            positive = 1 if len(self.labels) == 2 else None
            return scorer_of(
                lambda t, p: class_scores(confusion(t, p, len(self.labels)), positive=positive),
                _numbers_of(examples),
                probabilities.argmax(axis=-1),
            )
        truth = self._truths(examples)
        labels = scorer_of(label_scores, truth, self._is_assigned(probabilities))

        def score(indices: np.ndarray | None = None) -> dict[str, float]:
            if indices is not None:  # average precision is too slow for every resample
                return labels(indices)
            columns = zip(truth.T, probabilities.T, strict=True)
            precisions = [average_precision(*column) for column in columns]
            return {**labels(), "average_precision": float(np.mean(precisions))}

        return score

    def losses(self, examples: Sequence[Example], answers: Sequence[Answer]) -> np.ndarray:
        """Minus the log-probability of the truth, averaged over labels if each is decided by
        itself; or the squared error (E,)."""
        if self.problem_type == REGRESSION:
            truth, predicted = _values(examples, answers)
            return (predicted - truth) ** 2
        probabilities = np.clip(_probabilities(answers), TINY, 1.0)
        if self.problem_type == SINGLE:
            return -np.log(probabilities[np.arange(len(examples)), _numbers_of(examples)])
        other = np.clip(1 - probabilities, TINY, 1.0)
        of_truth = np.where(self._truths(examples), np.log(probabilities), np.log(other))
        return -of_truth.mean(axis=1)

    def tables(self, examples: Sequence[Example], answers: Sequence[Answer]) -> dict[str, Any]:
        """Confusions, scores per label and calibration; or true and predicted values."""
        if self.problem_type == REGRESSION:
            return {
                "values": [
                    {"truth": float(example.truth), "predicted": answer["value"]}
                    for example, answer in zip(examples, answers, strict=True)
                ]
            }
        probabilities = _probabilities(answers)
        if self.problem_type == MULTI:
            truth, assigned = self._truths(examples), self._is_assigned(probabilities)
            confidence = np.where(assigned, probabilities, 1 - probabilities)
            return {
                "per_label": per_label(self.labels, count(truth, assigned)),
                "thresholds": dict(zip(self.labels, self.thresholds, strict=False)),
                "calibration": calibration(confidence.ravel(), (assigned == truth).ravel()),
            }
        truth, predicted = _numbers_of(examples), probabilities.argmax(axis=1)
        matrix = confusion(truth, predicted, len(self.labels))
        return {
            "confusion": {"labels": list(self.labels), "counts": matrix.tolist()},
            "per_label": per_label(self.labels, confusion_counts(matrix)),
            "calibration": calibration(probabilities.max(axis=1), predicted == truth),
        }

    def describe(self, example: Example) -> str:
        """The texts and the truth."""
        names = [self.labels[i] for i in _numbers(example.truth)] if self.labels else []
        texts = example.text
        if example.text_pair is not None:
            texts = f"{texts} | {example.text_pair}"
        return f"{texts}  ->  {', '.join(names) or example.truth}"

    def record(self, example: Example) -> dict[str, Any]:
        """`row`, `text`, `text_pair` of a pair, and `true_label`, `true_labels` or `true_value`."""
        pair = {} if example.text_pair is None else {"text_pair": example.text_pair}
        if self.problem_type == REGRESSION:
            truth: dict[str, Any] = {"true_value": example.truth}
        elif self.problem_type == MULTI:
            truth = {"true_labels": [self.labels[i] for i in example.truth]}
        else:
            truth = {"true_label": self.labels[example.truth]}
        return {"row": example.place, "text": example.text, **pair, **truth}

    def _truths(self, examples: Sequence[Example]) -> np.ndarray:
        """Which labels are true, bool (E, N)."""
        truth = np.zeros((len(examples), len(self.labels)), dtype=bool)
        for row, example in zip(truth, examples, strict=True):
            row[list(example.truth)] = True
        return truth


def _values(
    examples: Sequence[Example], answers: Sequence[Answer]
) -> tuple[np.ndarray, np.ndarray]:
    truth = np.array([example.truth for example in examples], dtype=np.float64)
    return truth, np.array([answer["value"] for answer in answers], dtype=np.float64)


def _probabilities(answers: Sequence[Answer]) -> np.ndarray:
    return np.array([answer["probabilities"] for answer in answers], dtype=np.float64)


def _numbers_of(examples: Sequence[Example]) -> np.ndarray:
    return np.array([example.truth for example in examples], dtype=np.int64)


def _numbers(truth: Any) -> tuple[int, ...]:
    return truth if isinstance(truth, tuple) else (truth,)


def _natural(name: str) -> tuple[int, float, str]:
    """Sorts numbers by their value, before words by their letters."""
    value = read_value(name)
    return (1, 0.0, name) if value is None else (0, value, name)


def _problem_type(labels: Sequence[Label | None], *, declared: bool) -> str:
    """Several labels if any row has a list; values if most are numbers and any of them is not an
    integer (pandas writes labels as 0.0 and 1.0); else one label."""
    given = [label for label in labels if label is not None]
    if any(isinstance(label, tuple) for label in given):
        return MULTI
    values = [x for label in given if (x := read_value(label, finite=False)) is not None]
    are_values = 2 * len(values) > len(given)
    if are_values and not declared and any(value % 1 > 0 for value in values):
        return REGRESSION
    return SINGLE
