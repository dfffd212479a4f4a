"""`zero-shot-classification`: any labels for a text, by a model of natural language inference."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import read_text
from distilbert.pipelines.job import Job, count_tokens, run_each
from distilbert.tasks.probability import softmax
from distilbert.tasks.sequence_classification import predict as task
from distilbert.tasks.windows import Window, combine


@dataclass(frozen=True, slots=True)
class Encoded:
    """A text and the windows of its pair with each hypothesis."""

    text: str
    windows: list[list[Window]]


@dataclass(frozen=True, kw_only=True)
class ZeroShotClassification(Job):
    """Labels that a text entails: {"sequence", "labels", "scores"}, best first.

    `candidate_labels` is a list, or one text with commas between the labels. Each label is put
    into `hypothesis_template`, and the model, which was trained on pairs of premise and hypothesis,
    says whether the text entails it. Scores add up to 1 over the labels; with `multi_label` each is
    the probability of entailment against contradiction. The pairs of all texts share batches. Long
    texts are read in windows of `max_length` tokens.
    """

    candidate_labels: str | Sequence[str] = ()
    hypothesis_template: str = "This example is {}."
    multi_label: bool = False
    max_length: int | None = None

    name: ClassVar[str] = "zero-shot-classification"
    head: ClassVar[str] = "sequence_classification"
    fields: ClassVar[tuple[str, ...]] = ("sequences",)
    arguments: ClassVar[tuple[str, ...]] = ("candidate_labels",)

    @property
    def labels(self) -> list[str]:
        """The candidate labels as a list."""
        given = self.candidate_labels
        listed = given.split(",") if isinstance(given, str) else given
        return [label.strip() for label in listed if label.strip()]

    def from_fields(self, given: Mapping[str, Any]) -> Any:
        return given["sequences"]

    def encode(self, examples: Sequence[str], model: OpenModel) -> list[Encoded]:
        if not self.labels:
            raise InputError(
                "`candidate_labels` must hold at least one label: got none. Pass a list of texts."
            )
        if "{}" not in self.hypothesis_template:
            raise InputError(
                "`hypothesis_template` must contain {}, where the label goes: "
                f"got {self.hypothesis_template!r}."
            )
        hypotheses = [self.hypothesis_template.replace("{}", label) for label in self.labels]
        pairs = [task.Example(text, one) for text in examples for one in hypotheses]
        length = model.window_length(self.max_length)
        windows = iter(task.encode(model.tokenizer, pairs, max_length=length))
        return [Encoded(text, [next(windows) for _ in hypotheses]) for text in examples]

    def n_tokens(self, encoded: Encoded) -> int:
        return sum(count_tokens(windows) for windows in encoded.windows)

    def answers(
        self, encoded: Sequence[Encoded], model: OpenModel, run: Evaluate
    ) -> Iterator[dict[str, Any]]:
        entailment, contradiction = entailment_numbers(model.config.label2id)
        rows = run_each(
            run,
            [windows for text in encoded for windows in text.windows],
            lambda _, outputs: outputs["logits"],
        )
        for text in encoded:
            logits = np.stack(
                [
                    combine(np.stack(next(rows)), [window.weight for window in windows], "mean")
                    for windows in text.windows
                ]
            )  # (L, N)
            if self.multi_label or len(logits) == 1:
                scores = softmax(logits[:, [contradiction, entailment]])[:, 1]
            else:
                scores = softmax(logits[:, entailment])
            order = np.argsort(-scores, kind="stable")
            yield {
                "sequence": text.text,
                "labels": [self.labels[i] for i in order],
                "scores": scores[order].tolist(),
            }

    def read(self, item: Any) -> str:
        return read_text(item, self.name, ("text", "sequence"))

    def columns(self, answer: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
        return {"labels": answer["labels"], "scores": answer["scores"]}


def entailment_numbers(labels: Mapping[str, int]) -> tuple[int, int]:
    """The numbers of the labels that mean entailment, and contradiction (or not entailment).

    Raises:
        InputError: the model has no such labels.
    """
    by_name = {name.lower().replace(" ", "_"): number for name, number in labels.items()}
    entailment = next((n for name, n in by_name.items() if name.startswith("entail")), None)
    others = ("contradict", "not_entail", "non_entail", "neutral")
    against = (n for prefix in others for name, n in by_name.items() if name.startswith(prefix))
    contradiction = next(against, None)
    if entailment is None or contradiction is None:
        raise InputError(
            "`zero-shot-classification` needs a model whose labels are entailment and "
            f"contradiction (or not_entailment): got {', '.join(labels)}. Fine-tune one on MNLI."
        )
    return entailment, contradiction
