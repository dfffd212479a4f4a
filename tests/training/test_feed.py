"""Which features share a batch, and that the order follows from the seed alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from distilbert.training.feed import Feed, Update


def feed(lengths: Sequence[int], **options: Any) -> Feed:
    def make(numbers: Sequence[int], rngs: Iterable[np.random.Generator]) -> dict[str, np.ndarray]:
        longest = max(lengths[i] for i in numbers)
        mask = np.array([[int(k < lengths[i]) for k in range(longest)] for i in numbers])
        noise = np.array([rng.integers(0, 1000) for rng in rngs])
        return {"number": np.array(numbers), "attention_mask": mask, "noise": noise}

    def count(batch: dict[str, np.ndarray]) -> dict[str, int]:
        return {"items": len(batch["number"])}

    given: dict[str, Any] = {"seed": 7, "batch_size": 4, **options}
    return Feed(np.array(lengths), make=make, count=count, **given)


def updates(source: Feed, first: int = 0, total: int | None = None) -> list[Update]:
    total = source.total(1) if total is None else total
    return list(source.updates(first, total, lambda step: step / 10))


def numbers(found: Sequence[Update]) -> list[list[int]]:
    return [batch["number"].tolist() for update in found for batch in update.batches]


LENGTHS = [3, 9, 4, 4, 12, 7, 5, 3, 8, 6, 11]


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=60),
    tokens=st.none() | st.integers(8, 100),
    is_sorted=st.booleans(),
    accumulation=st.integers(1, 3),
)
def test_every_feature_comes_once_per_epoch(
    lengths: list[int], tokens: int | None, is_sorted: bool, accumulation: int
) -> None:
    source = feed(lengths, batch_tokens=tokens, length_sorted=is_sorted, accumulation=accumulation)
    seen = Counter(n for batch in numbers(updates(source)) for n in batch)
    assert seen == Counter(range(len(lengths)))


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=60), tokens=st.integers(8, 100))
def test_no_batch_has_more_padded_tokens_than_the_budget(lengths: list[int], tokens: int) -> None:
    for batch in numbers(updates(feed(lengths, batch_tokens=tokens))):
        longest = max(lengths[n] for n in batch)
        assert len(batch) * longest <= tokens or len(batch) == 1


def test_sorted_batches_hold_neighbours_in_length() -> None:
    lengths = list(range(1, 33))
    for batch in numbers(updates(feed(lengths, length_sorted=True))):
        assert max(batch) - min(batch) == 3
    order = [batch[0] for batch in numbers(updates(feed(lengths, length_sorted=True)))]
    assert order != sorted(order)


def test_a_run_cut_off_goes_on_with_the_same_batches() -> None:
    source = feed(LENGTHS)
    whole = updates(source, 0, 8)
    rest = updates(feed(LENGTHS), 5, 8)
    assert [update.number for update in rest] == [5, 6, 7]
    assert numbers(rest) == numbers(whole[5:])
    for mine, theirs in zip(rest, whole[5:], strict=True):
        assert mine.batches[0]["noise"].tolist() == theirs.batches[0]["noise"].tolist()


def test_epochs_and_seeds_differ() -> None:
    source = feed(LENGTHS)
    both = numbers(updates(source, 0, source.total(2)))
    assert both[:3] != both[3:]
    assert numbers(updates(feed(LENGTHS, seed=8))) != both[:3]


def test_an_update_counts_all_that_it_holds() -> None:
    (first, *_) = updates(feed(LENGTHS, accumulation=2))
    assert len(first.batches) == 2
    assert first.n_items == first.n_examples == 8
    assert first.n_tokens == sum(LENGTHS[n] for batch in numbers([first]) for n in batch)
    assert first.learning_rate == 0.0


def test_shares_are_the_whole_batch_together_and_count_it_whole() -> None:
    whole = updates(feed(LENGTHS))
    parts = [updates(feed(LENGTHS, data_shard=(rank, 2))) for rank in range(2)]
    for update, left, right in zip(whole, *parts, strict=True):
        together = [*left.batches[0]["number"], *right.batches[0]["number"]]
        assert sorted(together) == sorted(update.batches[0]["number"])
        assert left.n_items == right.n_items == update.n_items


def test_random_numbers_of_a_feature_do_not_depend_on_the_batches() -> None:
    def drawn(**options: Any) -> dict[int, int]:
        found = [batch for update in updates(feed(LENGTHS, **options)) for batch in update.batches]
        return {n: x for one in found for n, x in zip(one["number"], one["noise"], strict=True)}

    assert drawn() == drawn(batch_size=3, length_sorted=True, accumulation=2) != drawn(seed=8)


def test_groups_never_share_a_batch() -> None:
    groups = np.array([4, 5] * 5 + [4])
    for batch in numbers(updates(feed(LENGTHS, groups=groups))):
        assert len({groups[n] for n in batch}) == 1


@pytest.mark.parametrize(("epochs", "expected"), [(1, 3), (2, 6), (2.5, 8), (0.1, 1)])
def test_broken_epochs_count_by_their_share(epochs: float, expected: int) -> None:
    assert feed(LENGTHS).total(epochs) == expected
