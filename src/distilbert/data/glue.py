"""The nine tasks of GLUE (Wang et al. 2018): columns, label names and official metrics.

Knows the columns of the official downloads and of the hub's copies; labels given as names or as
numbers both become names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from distilbert.errors import DataError

# Columns that rows get in addition to those of their files.
ADDED = ("text", "text_pair", "label")
SINGLE, REGRESSION = "single_label_classification", "regression"
RTE = ("entailment", "not_entailment")


@dataclass(frozen=True)
class GlueTask:
    """One task of GLUE.

    `text`, `text_pair` and `label` are the names that a column may have, in order of preference;
    tasks on single sentences have no `text_pair`. `labels` are in the order of their numbers.
    `metrics` are the official ones and `metric` the one that selects the best model.
    `column_names` are those of TSV files without a header.
    """

    name: str
    text: tuple[str, ...]
    text_pair: tuple[str, ...] = ()
    label: tuple[str, ...] = ("label",)
    labels: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ("accuracy",)
    problem_type: str = SINGLE
    column_names: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The first of the official metrics; for STS-B the mean of its two."""
        return "pearson_spearman" if self.problem_type == REGRESSION else self.metrics[0]

    def named(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of a row, with `text`, `text_pair` and `label` added where they are known."""
        named = dict(values)
        for name in ADDED:
            column = next((column for column in getattr(self, name) if column in values), None)
            if column is not None:
                named[name] = values[column]
        if self.labels and "label" in named:
            named["label"] = self._label(named["label"])
        return named

    def _label(self, value: Any) -> Any:
        """The name of a label given by its number; any other value is returned unchanged."""
        text = str(value)
        number = int(text) if text.isascii() and text.isdecimal() else len(self.labels)
        return self.labels[number] if number < len(self.labels) else value


_TASKS = (
    GlueTask(
        "cola",
        text=("sentence",),
        labels=("unacceptable", "acceptable"),
        metrics=("matthews",),
        column_names=("source", "label", "star", "sentence"),
    ),
    GlueTask("sst2", text=("sentence",), labels=("negative", "positive")),
    GlueTask(
        "mrpc",
        text=("#1 String", "sentence1"),
        text_pair=("#2 String", "sentence2"),
        label=("Quality", "label"),
        labels=("not_equivalent", "equivalent"),
        metrics=("f1", "accuracy"),
    ),
    GlueTask(
        "stsb",
        text=("sentence1",),
        text_pair=("sentence2",),
        label=("score", "label"),
        metrics=("pearson", "spearman"),
        problem_type=REGRESSION,
    ),
    GlueTask(
        "qqp",
        text=("question1",),
        text_pair=("question2",),
        label=("is_duplicate", "label"),
        labels=("not_duplicate", "duplicate"),
        metrics=("f1", "accuracy"),
    ),
    GlueTask(
        "mnli",
        text=("sentence1", "premise"),
        text_pair=("sentence2", "hypothesis"),
        label=("gold_label", "label"),
        labels=("entailment", "neutral", "contradiction"),
    ),
    GlueTask("qnli", text=("question",), text_pair=("sentence",), labels=RTE),
    GlueTask("rte", text=("sentence1",), text_pair=("sentence2",), labels=RTE),
    GlueTask("wnli", text=("sentence1",), text_pair=("sentence2",), labels=RTE[::-1]),
)
GLUE = {task.name: task for task in _TASKS}


def glue_task(name: str) -> GlueTask:
    """The task with that name, in upper or lower case, with or without its hyphen.

    Raises:
        DataError: GLUE has no such task.
    """
    task = GLUE.get(name.casefold().replace("-", "").replace("_", ""))
    if task is None:
        raise DataError(f"`glue` must be one of {', '.join(GLUE)}: got {name!r}.")
    return task
