"""The part of a run's identity that comes from its rows; the rest is in `training.identity`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from distilbert.digests import digest
from distilbert.finetuning.datasets import Examples

# Files are compared by content; [run] and these fields do not affect training.
NOT_DECISIVE = {"model", "output", "data", "run", "search", "teacher"}
NOT_DECISIVE |= {"bootstrap", "eval_batch_tokens"}


def data_identity(examples: Examples) -> dict[str, str]:
    """The labels in their order, and a hash of the rows of each part."""
    labels = tuple(getattr(examples.task, "labels", ()))
    found = {} if not labels else {"the labels": digest([labels])}
    for name in ("train", "dev", "test"):
        if rows := getattr(examples, name):
            found[f"the rows of {name}"] = digest(_content(row, labels) for row in rows)
    return found


def _content(example: Any, labels: Sequence[str]) -> tuple[Any, ...]:
    """What an example holds, with names of labels, and without the place it comes from."""
    names = (field.name for field in fields(example) if field.name != "place")
    values = {name: getattr(example, name) for name in names}
    if labels and "truth" in values:
        truth = values["truth"]
        numbers = truth if isinstance(truth, tuple) else (truth,)
        is_label = [isinstance(n, int) and n < len(labels) for n in numbers]
        values["truth"] = [
            labels[n] if named else n for n, named in zip(numbers, is_label, strict=True)
        ]
    return tuple(values.values())
