"""The rows of a card as examples: labels from training rows, problems of all files at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from distilbert.data.memory import rows_in_memory, take_rows
from distilbert.errors import DataError, RunCardError
from distilbert.finetuning.datasets import SPLITS, read_examples
from distilbert.finetuning.tasks import task_of
from distilbert.training.card_file import as_card
from distilbert.training.run_card import DataSection, EvaluationSection, RunCard


def write(folder: Path, name: str, lines: list[str]) -> str:
    (folder / name).write_text("text,label\n" + "\n".join(lines) + "\n")
    return str(folder / name)


def test_labels_are_learned_from_training_rows_alone(tmp_path: Path) -> None:
    card = RunCard(
        data=DataSection(
            train=write(tmp_path, "train.csv", ["one,b", "two,a"]),
            dev=write(tmp_path, "dev.csv", ["three,b"]),
        )
    )
    found = read_examples(card, task_of(card))
    assert found.task.config_changes()["id2label"] == {0: "a", 1: "b"}
    assert [len(part) for part in (found.train, found.dev, found.test)] == [2, 1, 0]
    assert found.dev[0].truth == 1


def test_problems_of_all_files_are_told_together(tmp_path: Path) -> None:
    data = DataSection(
        train=write(tmp_path, "train.csv", ["one,b", "two,a", "three"]),
        dev=write(tmp_path, "dev.csv", [",b", "four,c"]),
        test=write(tmp_path, "test.csv", ["five,c", "six,a"]),
    )
    card = RunCard(data=data)
    with pytest.raises(DataError) as told:
        read_examples(card, task_of(card))
    text = str(told.value)
    for place in ("train.csv line 4", "dev.csv line 2", "dev.csv line 3", "test.csv line 2"):
        assert place in text
    assert "2 rows fail" in text
    assert text.endswith("set `skip_bad_rows` to leave them out.")


def test_a_file_that_is_not_there_is_told_with_the_bad_rows_of_others(tmp_path: Path) -> None:
    data = DataSection(
        train=write(tmp_path, "train.csv", ["one,b", "two"]),
        dev=str(tmp_path / "dev.csv"),
        test=str(tmp_path / "test.what"),
        skip_bad_rows=True,
    )
    card = RunCard(data=data)
    with pytest.raises(DataError) as told:
        read_examples(card, task_of(card))
    text = str(told.value)
    for place in ("train.csv line 3", "dev.csv", "test.what"):
        assert place in text


def test_a_metric_that_the_task_has_not_is_told_before_training(tmp_path: Path) -> None:
    train = write(tmp_path, "train.csv", ["one,b", "two,a"])
    card = RunCard(data=DataSection(train=train), evaluation=EvaluationSection(metric="f2"))
    with pytest.raises(RunCardError) as told:
        read_examples(card, task_of(card))
    assert str(told.value) == (
        "`metric` must be one of the scores of the task, loss, accuracy, f1_macro, matthews, f1: "
        "got 'f2'."
    )


def test_bad_rows_may_be_left_out(tmp_path: Path) -> None:
    train = write(tmp_path, "train.csv", ["one,b", "two,a", "three"])
    card = RunCard(data=DataSection(train=train, skip_bad_rows=True))
    found = read_examples(card, task_of(card))
    assert (len(found.train), found.skipped) == (2, 1)


def test_why_no_good_row_is_left_is_told(tmp_path: Path) -> None:
    train = write(tmp_path, "train.csv", [",b", "  ,a"])
    card = RunCard(data=DataSection(train=train, skip_bad_rows=True))
    with pytest.raises(DataError, match=r"got none\.\nA text must not be empty\. 2 rows fail"):
        read_examples(card, task_of(card))


def test_rows_may_be_limited(tmp_path: Path) -> None:
    train = write(tmp_path, "train.csv", ["one,b", "two,a", "three,a"])
    data = DataSection(train=train, dev=train, max_train_rows=2, max_dev_rows=1)
    card = RunCard(data=data)
    found = read_examples(card, task_of(card))
    assert (len(found.train), len(found.dev)) == (2, 1)


def test_a_run_needs_training_rows(tmp_path: Path) -> None:
    card = RunCard()
    with pytest.raises(RunCardError, match=r"`train` must name .* training rows"):
        read_examples(card, task_of(card))
    card = RunCard(data=DataSection(train=write(tmp_path, "none.csv", [])))
    with pytest.raises(DataError):
        read_examples(card, task_of(card))


@pytest.mark.parametrize("lines", [[], [",a"], [",a", "  ,b"]])
def test_dev_rows_are_not_blamed_where_training_rows_are_none(
    lines: list[str], tmp_path: Path
) -> None:
    train = write(tmp_path, "train.csv", lines)
    dev = write(tmp_path, "dev.csv", ["three,b"])
    card = RunCard(data=DataSection(train=train, dev=dev, skip_bad_rows=True))
    with pytest.raises(DataError) as told:
        read_examples(card, task_of(card))
    assert str(told.value).startswith(f"{train} must contain at least one good row: got none.")
    assert "dev.csv" not in str(told.value)


def test_one_label_out_of_one_is_refused(tmp_path: Path) -> None:
    data = DataSection(train=write(tmp_path, "train.csv", ["one,a", "two,a"]))
    card = RunCard(data=data)
    with pytest.raises(DataError, match=r"needs two labels or more: got only 'a' in .*train\.csv"):
        read_examples(card, task_of(card))
    limited = RunCard(data=data.model_copy(update={"max_train_rows": 1}))
    with pytest.raises(DataError, match=r"in the first 1 rows of .*train\.csv"):
        read_examples(limited, task_of(limited))
    declared = RunCard(data=data.model_copy(update={"labels": ("a", "b")}))
    assert read_examples(declared, task_of(declared)).train[0].truth == 0


def test_a_single_label_that_holds_or_not_is_learned(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text('{"text": "one", "label": ["a"]}\n{"text": "two", "label": []}\n')
    card = RunCard(data=DataSection(train=str(path)))
    found = read_examples(card, task_of(card))
    assert [example.truth for example in found.train] == [(0,), ()]


ROWS = [{"text": f"text {i}", "label": "ab"[i % 2]} for i in range(20)]


def test_rows_may_be_passed_in_python_and_the_card_says_so() -> None:
    changes: dict[str, Any] = {"train": ROWS, "dev": {"text": ["x"], "label": ["b"]}, "seed": 3}
    memory = take_rows(changes, SPLITS)
    assert changes == {
        "train": "memory:list of 20 rows",
        "dev": "memory:dict of 1 rows",
        "seed": 3,
    }
    card = as_card(None, changes)
    found = read_examples(card, task_of(card), memory)
    assert (len(found.train), found.task.config_changes()["id2label"]) == (20, {0: "a", 1: "b"})
    assert [(one.text, one.truth, one.place) for one in found.dev] == [("x", 1, "dev row 1")]
    assert found.columns == ("text", "label")
    with pytest.raises(DataError, match="were passed in Python"):
        read_examples(card, task_of(card))


def test_names_of_files_stay_in_the_card(tmp_path: Path) -> None:
    changes = {"train": [tmp_path / "a.csv", "b.csv"], "test": None}
    assert take_rows(dict(changes), SPLITS) == {}
    card = as_card(None, {"train": changes["train"]})
    assert card.data.train == (str(tmp_path / "a.csv"), str(Path.cwd() / "b.csv"))


def test_several_files_are_read_together(tmp_path: Path) -> None:
    train = (write(tmp_path, "1.csv", ["one,b"]), write(tmp_path, "2.csv", ["two,a"]))
    card = RunCard(data=DataSection(train=train))
    assert [one.truth for one in read_examples(card, task_of(card)).train] == [1, 0]


def test_dev_rows_may_be_a_part_of_the_training_rows() -> None:
    changes: dict[str, Any] = {"train": ROWS, "dev_split": 0.2}
    memory = take_rows(changes, SPLITS)
    card = as_card(None, changes)
    found = read_examples(card, task_of(card), memory)
    assert (len(found.train), sorted(one.truth for one in found.dev)) == (16, [0, 0, 1, 1])


def test_rows_of_glue_in_python_have_its_columns() -> None:
    rows = [{"sentence": "a", "label": 0}, {"sentence": "b", "label": 1}]
    card = RunCard(data=DataSection(train="memory:x", glue="sst2"))
    found = read_examples(card, task_of(card), {"train": rows_in_memory(rows, "train")})
    assert [one.truth for one in found.train] == [0, 1]
    assert found.task.config_changes()["id2label"] == {0: "negative", 1: "positive"}
