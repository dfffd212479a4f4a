"""The identity of a run follows contents: moved files keep it, changed ones are named."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from distilbert import AutoTokenizer
from distilbert.finetuning.datasets import Examples
from distilbert.finetuning.identity import (
    card_identity,
    data_identity,
    model_identity,
    tokenizer_identity,
)
from distilbert.opening import find_model
from distilbert.tasks.sequence_classification.rows import Example
from distilbert.tasks.sequence_classification.train import SequenceClassificationTask
from distilbert.training.card_file import with_changes
from distilbert.training.run_card import RunCard

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


def test_fields_that_do_not_decide_the_result_may_change() -> None:
    card = RunCard(model="m", output="o")
    same = {"model": "n", "output": "p", "log_every": 3, "bootstrap": 5, "train": "x.csv"}
    assert card_identity(with_changes(card, same)) == card_identity(card)
    for name, value in {"seed": 1, "patience": 2, "learning_rate": 0.1, "max_length": 9}.items():
        assert card_identity(with_changes(card, {name: value})) != card_identity(card)


def test_a_moved_model_is_the_same_and_an_edited_one_is_not(encoder: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(encoder, tmp_path / "moved")
    one, other = (model_identity(find_model(at, framework="torch"), "m") for at in (encoder, moved))
    assert one == other
    assert set(one) == {"the config of m", "the weights of m"}
    tokenizers = [AutoTokenizer.from_pretrained(at) for at in (encoder, moved)]
    assert tokenizer_identity(tokenizers[0]) == tokenizer_identity(tokenizers[1])
    tokenizers[1].add_tokens(["new"])
    assert tokenizer_identity(tokenizers[0]) != tokenizer_identity(tokenizers[1])
    with (moved / "model.safetensors").open("r+b") as file:
        file.seek(-2, 2)
        file.write(b"\x99\x99")
    edited = model_identity(find_model(moved, framework="torch"), "m")
    assert {name for name in one if one[name] != edited[name]} == {"the weights of m"}
