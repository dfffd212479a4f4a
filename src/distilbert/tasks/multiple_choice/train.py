"""Multiple choice with labels: one score per choice, the softmax over those of a prompt.

Which columns hold what is in `choices.py`; prediction on its own in `tasks/multiple_choice.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from distilbert.data.problems import Problems
from distilbert.data.rows import Row
from distilbert.tasks.collation import collate
from distilbert.tasks.multiple_choice.rows import ChoiceColumns, Question, read_choices
from distilbert.tasks.probability import log_softmax
from distilbert.tasks.task import Answer, Feature, Scorer
from distilbert.tasks.windows import N_SPECIAL_PAIR, Tokenizer, template_ids, tokenize

PADDING = 0  # is masked, so which id it is does not matter


@dataclass(frozen=True)
class MultipleChoiceTask:
    """Choices after a prompt, any number of them, and not the same for all rows.

    `prompt`, `choices` and `label` name columns, guessed where they are not given. Both training
    and scoring see one window of at most `max_length` tokens per choice, with the end of a long
    prompt and the beginning of a long choice. `first` is the number that means the first choice.
    """

    prompt: str | None = None
    choices: tuple[str, ...] = ()
    label: str | None = None
    max_length: int = 128
    first: int | None = None
    chosen_metric: str | None = None

    head = "multiple_choice"

    @property
    def metric(self) -> str:
        """`accuracy`, unless `loss` is chosen."""
        return self.chosen_metric or "accuracy"

    @property
    def higher_is_better(self) -> bool:
        """False for the loss."""
        return self.metric != "loss"

    def _columns(self) -> ChoiceColumns:
        return ChoiceColumns(self.prompt, self.choices, self.label, first=self.first)

    def with_labels_of(self, rows: Iterable[Row]) -> Self:
        """Learns whether labels count from 0 or from 1."""
        found = self._columns().found_in(list(rows))
        return self if found is None else replace(self, first=found.first)

    def config_changes(self) -> dict[str, Any]:
        """None."""
        return {}

    def examples(self, rows: Iterable[Row], problems: Problems) -> list[Question]:
        """Prompts with at least two choices, one of which is right."""
        return read_choices(rows, problems, self._columns())

    def features(
        self, tokenizer: Tokenizer, examples: Sequence[Question], *, training: bool
    ) -> list[Feature]:
        """One feature per prompt with a sequence `[CLS] prompt [SEP] choice [SEP]` per choice."""
        cls, sep = template_ids(tokenizer)
        texts = [text for example in examples for text in (example.prompt, *example.choices)]
        tokens = iter(tokenize(tokenizer, texts))
        features = []
        for number, example in enumerate(examples):
            prompt = next(tokens).ids
            sequences = []
            for _ in example.choices:
                before, after = fitted(prompt, next(tokens).ids, self.max_length - N_SPECIAL_PAIR)
                sequences.append(np.concatenate((cls, before, sep, after, sep)))
            labels = {"labels": example.truth} if training else {}
            features.append(Feature(tuple(sequences), labels, number))
        return features

    def batch(
        self, tokenizer: Tokenizer, features: Sequence[Feature], rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        """A padded batch (B, C, S) with `labels` (B,); all features have as many choices."""
        return collate(features, pad_id=PADDING, choices=True)

    def reduce(self, feature: Feature, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The logits (C,)."""
        return outputs["logits"].copy()

    def answers(
        self, examples: Sequence[Question], features: Sequence[Feature], kept: Sequence[np.ndarray]
    ) -> list[Answer]:
        """The best `choice`, its `index`, and the `probabilities` of all."""
        answers = []
        for example, logits in zip(examples, kept, strict=True):
            logs = log_softmax(logits)
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
        right = _right(examples, answers)

        def score(indices: np.ndarray | None = None) -> dict[str, float]:
            chosen = right if indices is None else right[indices]
            return {"accuracy": float(chosen.mean()) if len(chosen) else 0.0}

        return score

    def losses(self, examples: Sequence[Question], answers: Sequence[Answer]) -> np.ndarray:
        """Minus the log-probability of the right choice (E,)."""
        found = [
            answer["probabilities"][example.truth]
            for example, answer in zip(examples, answers, strict=True)
        ]
        return -np.log(np.maximum(np.array(found, dtype=np.float64), np.finfo(np.float64).tiny))

    def tables(self, examples: Sequence[Question], answers: Sequence[Answer]) -> dict[str, Any]:
        """Accuracy by number of choices, where it varies, and by the place of the right one."""
        right = _right(examples, answers)
        tables = {
            "by_truth": _shares(np.array([example.truth for example in examples]), right),
        }
        n_choices = np.array([len(example.choices) for example in examples])
        if len(set(n_choices.tolist())) > 1:
            tables["by_n_choices"] = _shares(n_choices, right)
        return tables

    def shown(self, example: Question) -> str:
        """The prompt and all choices, the right one marked."""
        choices = " | ".join(
            f"[{choice}]" if i == example.truth else choice
            for i, choice in enumerate(example.choices)
        )
        return f"{example.prompt} -> {choices}"


def fitted(prompt: np.ndarray, choice: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """The end of a prompt and the beginning of a choice, together at most `room` tokens.

    The longer one is cut first; neither below half the room on account of the other.
    """
    if len(prompt) + len(choice) > room:
        choice = choice[: max(room // 2, room - len(prompt))]
        prompt = prompt[len(prompt) - min(len(prompt), room - len(choice)) :]
    return prompt, choice


def _right(examples: Sequence[Question], answers: Sequence[Answer]) -> np.ndarray:
    """Whether each answer is right, bool (E,)."""
    pairs = zip(examples, answers, strict=True)
    return np.array([answer["index"] == example.truth for example, answer in pairs], dtype=bool)


def _shares(groups: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
    """Accuracy and size of each group, smallest key first."""
    return [
        {
            "value": int(group),
            "accuracy": float(right[groups == group].mean()),
            "n": int((groups == group).sum()),
        }
        for group in np.unique(groups)
    ]
