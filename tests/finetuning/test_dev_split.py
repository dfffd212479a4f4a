"""Dev examples drawn from those of training."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from distilbert.errors import DataError
from distilbert.finetuning.dev_split import split_dev
from distilbert.tasks.question_answering.rows import Question
from distilbert.tasks.sequence_classification.rows import Example


def examples(truths: list[Any]) -> list[Example]:
    return [Example(f"text {i}", None, truth, f"line {i}") for i, truth in enumerate(truths)]


def test_every_label_has_its_share_and_the_order_stays() -> None:
    given = examples([0] * 80 + [1] * 20)
    train, dev = split_dev(given, 0.1, seed=1)
    assert Counter(one.truth for one in dev) == {0: 8, 1: 2}
    assert sorted([*train, *dev], key=given.index) == given
    assert train == sorted(train, key=given.index)
    assert dev == sorted(dev, key=given.index)


def test_the_seed_decides() -> None:
    given = examples([0, 1] * 50)
    assert split_dev(given, 0.2, seed=1) == split_dev(given, 0.2, seed=1)
    assert split_dev(given, 0.2, seed=1) != split_dev(given, 0.2, seed=2)


def test_values_and_several_labels_are_split_too() -> None:
    assert [len(part) for part in split_dev(examples([0.5] * 10), 0.2, seed=1)] == [8, 2]
    several = examples([(0,), (0, 1), ()] * 10)
    _, dev = split_dev(several, 0.2, seed=1)
    assert Counter(one.truth for one in dev) == {(0,): 2, (0, 1): 2, (): 2}


def test_sets_of_labels_that_occur_once_are_drawn_from_together() -> None:
    pairs = [(a, b) for a in range(6) for b in range(a)]
    train, dev = split_dev(examples([*pairs, (6,)]), 0.2, seed=1)
    assert (len(train), len(dev)) == (13, 3)
    assert any(one.truth == (6,) for one in train)


def test_the_only_example_of_a_label_is_trained() -> None:
    train, _ = split_dev(examples([0] * 9 + [1]), 0.5, seed=3)
    assert any(one.truth == 1 for one in train)


def test_questions_on_one_context_stay_together() -> None:
    given = [Question(str(i), "Who?", f"context {i // 5}", (), "") for i in range(50)]
    train, dev = split_dev(given, 0.3, seed=1)
    assert len(dev) == 15
    assert not {one.context for one in train} & {one.context for one in dev}


@pytest.mark.parametrize(("n", "fraction"), [(3, 0.01), (2, 0.9)])
def test_both_parts_need_examples(n: int, fraction: float) -> None:
    with pytest.raises(DataError, match=r"`dev_split` must leave rows .* of [23] good rows"):
        split_dev(examples([0] * n), fraction, seed=1)
