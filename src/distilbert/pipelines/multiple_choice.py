"""`multiple-choice`: which of several choices fits a prompt best."""

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
from distilbert.tasks.multiple_choice import predict as task
from distilbert.tasks.multiple_choice.rows import ChoiceColumns
from distilbert.tasks.windows import Combination, Window


@dataclass(frozen=True, slots=True)
class Encoded:
    """An example and the windows of each of its choices."""

    example: task.Example
    windows: list[list[Window]]


@dataclass(frozen=True, kw_only=True)
class MultipleChoice(Job):
    """The choices of {"prompt", "choices"} (or "question" for the prompt), best first.

    Other rows are read as fine-tuning reads them, such as one column per choice (ending0, ...).
    The result of an example is a list of {"label", "score", "index"}: the choice, its probability
    among the choices, and its place in the input. That is the shape of text classification with all
    labels, plus the index. `top_k` keeps only the best. Examples may have different numbers of
    choices. A prompt, or choice, too long for the model is divided into windows as in text
    classification. With `long_texts="cut"`, as fine-tuning has it, the model sees one window per
    choice: the end of a long prompt and the beginning of a long choice.
    """

    top_k: int | None = None
    window_combination: Combination = "mean"
    long_texts: task.LongTexts = "windows"
    max_length: int | None = None
    stride: int | None = None

    name: ClassVar[str] = "multiple-choice"
    head: ClassVar[str] = "multiple_choice"
    stored: ClassVar[Mapping[str, str]] = {"max_length": "max_length"}
    fields: ClassVar[tuple[str, ...]] = ("prompt", "question", "choices")

    def stored_options(self, model: OpenModel) -> dict[str, Any]:
        options = super().stored_options(model)
        return {**options, "long_texts": "cut"} if options else {}

    def read(self, item: Any) -> task.Example:
        if not isinstance(item, Mapping):
            raise InputError(
                f"`{self.name}` takes rows {{'prompt': str, 'choices': [str, ...]}}: "
                f"got {type(item).__name__}."
            )
        columns = ChoiceColumns().named_in([name for name in item if isinstance(name, str)])
        names = ["prompt", "question"] if columns.prompt is None else [columns.prompt]
        prompt = read_text(item, self.name, names)
        choices, _ = columns.choices_of(item)
        if not choices:
            given = item.get(columns.choices[0]) if columns.choices else None
            raise InputError(
                f"`choices` must be a list of at least one text: got {type(given).__name__}."
            )
        return task.Example(prompt, tuple(read_text(choice, self.name) for choice in choices))

    def encode(self, examples: Sequence[task.Example], model: OpenModel) -> list[Encoded]:
        max_length = model.window_length(self.max_length)
        windows = task.encode(
            model.tokenizer,
            examples,
            max_length=max_length,
            overlap=self.stride,
            long_texts=self.long_texts,
        )
        return [Encoded(*pair) for pair in zip(examples, windows, strict=True)]

    def n_tokens(self, encoded: Encoded) -> int:
        return sum(count_tokens(windows) for windows in encoded.windows)

    def columns(self, answer: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
        best = answer[0]
        scores = {one["index"]: one["score"] for one in answer}
        return {
            "prediction": best["label"],
            "index": best["index"],
            "score": best["score"],
            "scores": [scores[index] for index in sorted(scores)],
        }

    def answers(self, encoded: Sequence[Encoded], model: OpenModel, run: Evaluate) -> Iterator[Any]:
        choices = [windows for example in encoded for windows in example.windows]
        rows = run_each(run, choices, lambda _, outputs: outputs["logits"][0])
        for example in encoded:
            answers = task.decode(
                example.example,
                example.windows,
                [np.array(next(rows)) for _ in example.windows],
                combination=self.window_combination,
            )
            yield [
                {"label": answer.choice, "score": answer.score, "index": answer.index}
                for answer in answers[: self.top_k]
            ]
