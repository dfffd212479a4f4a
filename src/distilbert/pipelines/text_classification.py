"""`text-classification`: labels for texts and pairs of texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import read_text
from distilbert.pipelines.job import Job, check_at_least, check_one_of, run_each
from distilbert.tasks.sequence_classification import predict as task
from distilbert.tasks.windows import Combination, Window


@dataclass(frozen=True, kw_only=True)
class TextClassification(Job):
    """Labels for texts, or for pairs given as {"text", "text_pair"} or (text, text_pair).

    `top_k`: how many labels, best first; None is all. With "best", the default, the result is one
    dict {"label", "score"} per text of a list, and a list of one dict for a single text; with a
    number or None it is a list of dicts per text. A pair counts as a single text in every respect.
    `function_to_apply`: softmax, sigmoid or none; by default according to the model's config:
    sigmoid for multi-label problems and for a single label, none for regression, else softmax.
    Texts too long for the model are divided into windows of `max_length` tokens that share `stride`
    (a quarter by default), whose logits are combined by `window_combination`: mean (weighted by the
    tokens each window adds), max (per label), or first (the first window alone).
    """

    top_k: int | Literal["best"] | None = "best"
    function_to_apply: task.Activation | None = None
    window_combination: Combination = "mean"
    max_length: int | None = None
    stride: int | None = None

    name: ClassVar[str] = "text-classification"
    head: ClassVar[str] = "sequence_classification"
    fields: ClassVar[tuple[str, ...]] = ("text", "text_pair")

    def __post_init__(self) -> None:
        if self.top_k != "best":
            check_at_least(1, top_k=self.top_k)
        check_at_least(0, stride=self.stride)
        check_one_of(get_args(task.Activation), function_to_apply=self.function_to_apply)
        check_one_of(get_args(Combination), window_combination=self.window_combination)

    def read(self, item: Any) -> task.Example:
        if isinstance(item, (tuple, list)):
            if len(item) != 2:
                raise InputError(
                    f"A pair for `{self.name}` must hold two texts: got {len(item)} values. "
                    "Pass several texts as a list of str."
                )
            return task.Example(read_text(item[0], self.name), read_text(item[1], self.name))
        text = read_text(item, self.name)
        if isinstance(item, Mapping) and item.get("text_pair") is not None:
            return task.Example(text, read_text(item, self.name, ["text_pair"]))
        return task.Example(text)

    def encode(self, examples: Sequence[task.Example], model: OpenModel) -> list[list[Window]]:
        max_length = model.window_length(self.max_length)
        return task.encode(model.tokenizer, examples, max_length=max_length, overlap=self.stride)

    def answers(
        self, encoded: Sequence[list[Window]], model: OpenModel, run: Evaluate
    ) -> Iterator[Any]:
        config = model.config
        activation = self.function_to_apply or task.default_activation(
            config.problem_type, config.num_labels
        )
        rows = run_each(run, encoded, lambda _, outputs: outputs["logits"])
        for windows, logits in zip(encoded, rows, strict=True):
            answers = task.decode(
                windows,
                np.stack(logits),
                labels=config.id2label,
                activation=activation,
                combination=self.window_combination,
                top_k=1 if self.top_k == "best" else self.top_k,
            )
            dicts = [{"label": answer.label, "score": answer.score} for answer in answers]
            yield dicts[0] if self.top_k == "best" else dicts

    def present(self, results: list[Any], *, single: bool) -> Any:
        return results[0] if single and self.top_k != "best" else results
