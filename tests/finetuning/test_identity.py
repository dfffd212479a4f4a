"""The identity of a run follows the contents of its rows: moved files keep it."""

from __future__ import annotations

from dataclasses import replace

from distilbert.finetuning.datasets import Examples
from distilbert.finetuning.identity import data_identity
from distilbert.tasks.sequence_classification.rows import Example
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask

TASK = SequenceClassificationTask(labels=("a", "b"), problem_type="single_label_classification")
ROWS = [Example("good", None, 0, "x.csv line 1"), Example("bad", None, 1, "x.csv line 2")]
EXAMPLES = Examples(TASK, ROWS, ROWS[:1], [], 0)


def changed(**changes: object) -> set[str]:
    before, after = data_identity(EXAMPLES), data_identity(replace(EXAMPLES, **changes))
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def test_places_of_rows_do_not_matter_and_their_contents_do() -> None:
    assert changed(train=[replace(row, place="elsewhere") for row in ROWS]) == set()
    assert changed(train=ROWS[::-1]) == {"the rows of train"}
    assert changed(train=[ROWS[0], replace(ROWS[1], truth=0)]) == {"the rows of train"}
    assert changed(dev=[]) == {"the rows of dev"}
    assert changed(test=ROWS) == {"the rows of test"}


def test_labels_in_another_order_are_named_and_not_the_rows() -> None:
    flipped = [replace(row, truth=1 - row.truth) for row in ROWS]
    task = replace(TASK, labels=("b", "a"))
    assert changed(task=task, train=flipped, dev=flipped[:1]) == {"the labels"}
