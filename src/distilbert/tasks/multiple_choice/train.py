"""Training and scoring of multiple choice: a logit per choice, the softmax over those of a prompt.

Which columns hold what is decided in `rows.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks import defaults
from distilbert.tasks.columns import MISSING
from distilbert.tasks.multiple_choice.predict import Example, encode
from distilbert.tasks.multiple_choice.rows import ChoiceColumns, Question, read_choices
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.task import Answer, Feature, Scorer, scorer_of
from distilbert.tasks.windows import Tokenizer


@dataclass(frozen=True)
class MultipleChoiceTask:
    """Choices after a prompt, any number of them, which may differ between rows.

    `prompt`, `choices` and `label` name columns, which are guessed if they are not given. Both
    training and scoring use one window of at most `max_length` tokens per choice, with the end of a
    long prompt and the beginning of a long choice. `first` is the number of the first choice,
    `missing` are texts that stand for a missing value.
    """

    prompt: str | None = None
    choices: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    max_length: int = 128
    first: int | None = None
    missing: tuple[str, ...] = MISSING
    chosen_metric: str | None = None

    head = "multiple_choice"
    remembered = ("max_length", "first")
    score_names = ("loss", "accuracy")
    with_config = defaults.with_config
    config_changes = defaults.config_changes
    class_weights = defaults.class_weights
    batch = defaults.batch
    tuned = defaults.tuned
    decided = defaults.decided

    @property
    def metric(self) -> str:
        """`accuracy`, unless `loss` is chosen."""
        return self.chosen_metric or "accuracy"

    def _columns(self) -> ChoiceColumns:
        label = self.label[0] if self.label else None
        return ChoiceColumns(
            self.prompt, self.choices, label, first=self.first, missing=self.missing
        )

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Learns whether labels count from 0 or from 1."""
        columns = self._columns().found_in(list(rows))
        return self if columns is None else replace(self, first=columns.first)

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Question]:
        """Prompts with at least two choices, one of which is right."""
        return read_choices(rows, problems, self._columns())

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Question], *, training: bool
    ) -> list[Feature]:
        """One feature per prompt with a sequence `[CLS] prompt [SEP] choice [SEP]` per choice."""
        encoded = encode(
            tokenizer,
            [Example(example.prompt, example.choices) for example in examples],
            max_length=self.max_length,
            long_texts="cut",
        )
        return [
            Feature(
                tuple(window.ids for (window,) in choices),
                {"labels": example.truth} if training else {},
                number,
                seconds=tuple(window.at for (window,) in choices),
            )
            for number, (example, choices) in enumerate(zip(examples, encoded, strict=True))
        ]

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> float:
        """The logit of one choice."""
        return float(outputs["logits"][0])

    def answers(
        self, examples: Sequence[Question], features: Sequence[Feature], kept: Sequence[float]
    ) -> list[Answer]:
        """The best `choice`, its `index`, and the `probabilities` of all."""
        logits = iter(kept)
        answers = []
        for example in examples:
            logs = log_softmax(np.array([next(logits) for _ in example.choices]))
            best = int(logs.argmax())
            answers.append(
                {
                    "choice": example.choices[best],
                    "index": best,
                    "probabilities": np.exp(logs).tolist(),
                }
            )
        return answers

    def scorer(self, examples: Sequence[Question], answers: Sequence[Answer]) -> Scorer:
        """`accuracy`."""
        return scorer_of(_scores, _right(examples, answers))

    def losses(self, examples: Sequence[Question], answers: Sequence[Answer]) -> np.ndarray:
        """Minus the log-probability of the right choice (E,)."""
        pairs = zip(examples, answers, strict=True)
        of_truth = [answer["probabilities"][example.truth] for example, answer in pairs]
        return -np.log(np.maximum(np.array(of_truth, dtype=np.float64), np.finfo(np.float64).tiny))

    def tables(self, examples: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
        """Accuracy by the place of the right choice, and by the number of choices if it varies."""
        right = _right(examples, answers)
        truth = np.array([example.truth for example in examples])
        n_choices = np.array([len(example.choices) for example in examples])
        tables = {"by_truth": _accuracies(truth, right)}
        if len(set(n_choices.tolist())) > 1:
            tables["by_n_choices"] = _accuracies(n_choices, right)
        return tables

    def describe(self, example: Question) -> str:
        """The prompt and all choices, the right one in brackets."""
        choices = " | ".join(
            f"[{choice}]" if i == example.truth else choice
            for i, choice in enumerate(example.choices)
        )
        return f"{example.prompt} -> {choices}"

    def record(self, example: Question) -> dict[str, Any]:
        """`row`, `prompt`, `choices`, and the `true_index` of one of them."""
        return {
            "row": example.place,
            "prompt": example.prompt,
            "choices": list(example.choices),
            "true_index": example.truth,
        }


def _right(examples: Sequence[Question], answers: Sequence[Answer]) -> np.ndarray:
    """Whether each answer is right, bool (E,)."""
    pairs = zip(examples, answers, strict=True)
    return np.array([answer["index"] == example.truth for example, answer in pairs], dtype=bool)


def _scores(right: np.ndarray) -> dict[str, float]:
    return {"accuracy": float(right.mean()) if len(right) else 0.0}


def _accuracies(groups: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Accuracy and size of each group, smallest key first."""
    members = [(group, right[groups == group]) for group in np.unique(groups)]
    return [
        {"value": int(group), "accuracy": float(of_group.mean()), "n": len(of_group)}
        for group, of_group in members
    ]
