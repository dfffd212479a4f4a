"""`text-classification`: labels for texts and pairs of texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from distilbert.batching import Evaluate
from distilbert.errors import InputError
from distilbert.opening import OpenModel
from distilbert.pipelines.inputs import check_keys, read_text
from distilbert.pipelines.job import Job, run_each
from distilbert.task_file import read_task_file
from distilbert.tasks.sequence_classification import predict as task
from distilbert.tasks.windows import Combination, Window


@dataclass(frozen=True, kw_only=True)
class TextClassification(Job):
    """Labels for texts, or for pairs given as {"text", "text_pair"}, or as (text, text_pair) in a
    list.

    `top_k`: how many labels, best first; None is all. With "best", the default, the result is one
    dict {"label", "score"} per text of a list; with a number or None it is a list of dicts per
    text. As in the reference, the result for a single text is in a list of one, unless `top_k` is
    an argument of the call. `return_all_scores` gives all labels in the order of their numbers,
    unless `top_k` is given.
    `thresholds`: the lowest probability at which a label is assigned, one number or one per label
    in the order of their numbers. With it and `top_k` "best", the result is the list of the
    assigned labels, which may be empty. A fine-tuned folder with several labels per text sets it.
    `pairs`: a text without a second one is an error. The folder of a model that was fine-tuned on
    pairs sets it.
    `function_to_apply`: softmax, sigmoid or none; by default according to the model's config:
    sigmoid for multi-label problems and for a single label, none for regression, else softmax.
    Texts too long for the model are divided into windows of `max_length` tokens that share `stride`
    (a quarter by default), whose logits are combined by `window_combination`: mean (weighted by the
    tokens each window adds), max (per label), or first (the first window alone).
    """

    top_k: int | Literal["best"] | None = "best"
    return_all_scores: bool = False
    thresholds: float | Sequence[float] | None = None
    pairs: bool = False
    function_to_apply: task.Activation | None = None
    window_combination: Combination = "mean"
    max_length: int | None = None
    stride: int | None = None

    name: ClassVar[str] = "text-classification"
    head: ClassVar[str] = "sequence_classification"
    fields: ClassVar[tuple[str, ...]] = ("text", "text_pair")
    stored: ClassVar[Mapping[str, str]] = {"max_length": "max_length", "overlap": "stride"}

    def stored_options(self, model: OpenModel) -> dict[str, Any]:
        settings, options = read_task_file(model.folder), super().stored_options(model)
        if not options:
            return {}
        options["pairs"] = settings.get("pairs", False)
        if settings.get("long_texts") == "cut":
            options["window_combination"] = "first"
        if model.config.problem_type == "multi_label_classification":
            options["thresholds"] = settings.get("thresholds") or task.THRESHOLD
        return options

    def read(self, item: Any) -> task.Example:
        if isinstance(item, (tuple, list)):
            if len(item) != 2:
                raise InputError(
                    f"A pair for `{self.name}` must hold two texts: got {len(item)} values. "
                    "Pass several texts as a list of str."
                )
            return task.Example(read_text(item[0], self.name), read_text(item[1], self.name))
        text = read_text(item, self.name)
        if isinstance(item, Mapping):
            check_keys(item, self.name, self.fields)
            if item.get("text_pair") is not None:
                return task.Example(text, read_text(item, self.name, ["text_pair"]))
        if self.pairs:
            raise InputError(
                f"This model was trained on pairs of texts: got one, {text[:60]!r}. Pass "
                '{"text": ..., "text_pair": ...}, or `pairs=False` to classify a text alone.'
            )
        return task.Example(text)

    def encode(self, examples: Sequence[task.Example], model: OpenModel) -> list[list[Window]]:
        max_length = model.window_length(self.max_length)
        encoded = task.encode(model.tokenizer, examples, max_length=max_length, overlap=self.stride)
        if self.window_combination == "first":
            return [windows[:1] for windows in encoded]
        return encoded

    def columns(self, answer: Any, labels: Sequence[str] = ()) -> dict[str, Any]:
        if isinstance(answer, dict):
            return {"prediction": answer["label"], "score": answer["score"]}
        scores = {one["label"]: one["score"] for one in answer}
        if self.gives_assigned or self.top_k not in ("best", None):
            return {"prediction": list(scores), "scores": list(scores.values())}
        best = max(scores, key=lambda label: scores[label])
        labels = labels or sorted(scores)
        by_label = {f"score_{label}": scores[label] for label in labels}
        if self.thresholds is None:
            return {"prediction": best, "score": scores[best], **by_label}
        lowest = np.broadcast_to(np.array(self.thresholds), len(labels))
        reaching = {one for one, low in zip(labels, lowest, strict=True) if scores[one] >= low}
        assigned = [label for label in scores if label in reaching]
        return {"prediction": assigned, "scores": [scores[one] for one in assigned], **by_label}

    def answers(
        self, encoded: Sequence[list[Window]], model: OpenModel, run: Evaluate
    ) -> Iterator[Any]:
        config = model.config
        activation = self.function_to_apply or task.default_activation(
            config.problem_type, config.num_labels
        )
        n_labels = len(config.id2label)
        given = self.thresholds
        if not isinstance(given, int | float | None) and len(given) != n_labels:
            raise InputError(
                f"`thresholds` must be one number, or one for each of the {n_labels} labels: "
                f"got {len(given)}."
            )
        top_k = self.top_k if self.top_k != "best" else 1 if self.gives_best else None
        rows = run_each(run, encoded, lambda _, outputs: outputs["logits"])
        for windows, logits in zip(encoded, rows, strict=True):
            answers = task.decode(
                windows,
                np.stack(logits),
                labels=config.id2label,
                activation=activation,
                combination=self.window_combination,
                top_k=top_k,
                thresholds=self.thresholds if self.gives_assigned else None,
            )
            if self.return_all_scores and self.top_k == "best":
                answers.sort(key=lambda answer: config.label2id[answer.label])
            dicts = [{"label": answer.label, "score": answer.score} for answer in answers]
            yield dicts[0] if self.gives_best else dicts

    @property
    def gives_assigned(self) -> bool:
        """Whether the answer to a text is the list of the labels that reach their thresholds."""
        return self.top_k == "best" and not self.return_all_scores and self.thresholds is not None

    @property
    def gives_best(self) -> bool:
        """Whether the answer to a text is one label."""
        return self.top_k == "best" and not self.return_all_scores and self.thresholds is None

    def present(self, results: list[Any], inputs: Any, options: Mapping[str, Any]) -> Any:
        if isinstance(inputs, str) and "top_k" not in options:
            return results  # as in the reference: a list for a text, unless the call has `top_k`
        return super().present(results, inputs, options)
