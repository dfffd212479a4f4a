"""The order of training: which features share a batch, and which batches an update.

It depends only on the seed and the number of the epoch, so a resumed run gets the same batches as
an uninterrupted one, in any framework.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from distilbert.heads import HEADS, IGNORED_LABEL

Batch = dict[str, np.ndarray]
Make = Callable[[Sequence[int], Iterable[np.random.Generator]], Batch]

# Sorted batches are formed inside pools of this many batches, so that they differ between epochs.
POOL = 64
# What the losses of a task are the mean of, among the counts of an update.
ITEMS = "items"


def count_items(batch: Batch, head: str) -> dict[str, int]:
    """What the loss of a batch is the mean of: labelled tokens, or examples."""
    if HEADS[head].labels_per_token:
        return {ITEMS: int((batch["labels"] != IGNORED_LABEL).sum())}
    return {ITEMS: len(batch["input_ids"])}


def generators(seed: int, epoch: int, numbers: Iterable[int]) -> Iterator[np.random.Generator]:
    """What a feature is drawn from: the seed, the epoch and the number of the feature decide."""
    return (np.random.default_rng((seed, epoch, number)) for number in numbers)


@dataclass(frozen=True, slots=True)
class Update:
    """One step of the optimizer: its number from 0, its epoch, its learning rate, its batches.

    `counts` are what the losses are means of, `n_examples` features, `n_tokens` tokens without
    padding: all of the whole update, whatever part of `batches` this process computes.
    """

    number: int
    epoch: int
    learning_rate: float
    batches: list[Batch]
    counts: Mapping[str, int]
    n_examples: int
    n_tokens: int

    @property
    def n_items(self) -> int:
        """What the losses of a task are the mean of; 1 where there is nothing to learn."""
        return max(1, self.counts[ITEMS])


@dataclass(frozen=True)
class Feed:
    """Batches of features.

    Args:
        lengths: tokens of each feature (F,).
        make: builds the arrays of a batch from numbers of features and a generator for each, which
            depends on nothing but the seed, the epoch and the number of the feature.
        count: what the losses of a batch are means of, by name.
        batch_size: features per batch, unless `batch_tokens` is given.
        batch_tokens: most padded tokens per batch; a longer feature is a batch alone.
        accumulation: batches per update.
        length_sorted: features of similar length share a batch.
        groups: features of different groups (F,) never share a batch.
        data_shard: (number, of how many): the part of each batch that this process computes.
        drawn_epochs: after so many epochs what is drawn for a feature repeats; None for never.
        attach: adds arrays to this process's part of a batch, whose features are numbers, of an
            epoch that counts from 0 again where it repeats.
    """

    lengths: np.ndarray
    make: Make
    count: Callable[[Batch], Mapping[str, int]]
    seed: int
    batch_size: int
    batch_tokens: int | None = None
    accumulation: int = 1
    length_sorted: bool = False
    groups: np.ndarray | None = None
    data_shard: tuple[int, int] = (0, 1)
    drawn_epochs: int | None = None
    attach: Callable[[Batch, Sequence[int], int], Batch] | None = None
    _plan: Callable[[int], list[list[np.ndarray]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_plan", lru_cache(maxsize=2)(self._planned))

    def updates_in(self, epoch: int) -> int:
        """How many updates an epoch has; with `batch_tokens` epochs may differ by a few."""
        return len(self._plan(epoch))

    def total(self, epochs: float) -> int:
        """Updates in `epochs` passes, the last of which may be partial; at least one."""
        complete = int(epochs)
        n = sum(self.updates_in(epoch) for epoch in range(complete))
        if epochs > complete:
            n += round((epochs - complete) * self.updates_in(complete))
        return max(1, n)

    def updates(self, first: int, total: int, schedule: Callable[[int], float]) -> Iterator[Update]:
        """Updates `first` to `total`, built one by one."""
        number, epoch = 0, 0
        while number < total:
            plan = self._plan(epoch)
            for place, batches in enumerate(plan[: total - number]):
                if number + place >= first:
                    yield self._update(number + place, epoch, batches, schedule)
            number += len(plan)
            epoch += 1

    def _update(
        self,
        number: int,
        epoch: int,
        batches: Sequence[np.ndarray],
        schedule: Callable[[int], float],
    ) -> Update:
        drawn = epoch % self.drawn_epochs if self.drawn_epochs else epoch
        complete = [self._made(drawn, indices.tolist()) for indices in batches]
        counts = Counter[str]()
        for batch in complete:
            counts.update(self.count(batch))
        rank, size = self.data_shard
        parts = [{name: a[rank::size] for name, a in batch.items()} for batch in complete]
        if self.attach is not None:
            pairs = zip(parts, batches, strict=True)
            parts = [self.attach(part, n[rank::size].tolist(), drawn) for part, n in pairs]
        return Update(
            number=number,
            epoch=epoch,
            learning_rate=schedule(number),
            batches=parts,
            counts=counts,
            n_examples=sum(len(indices) for indices in batches),
            n_tokens=sum(int(batch["attention_mask"].sum()) for batch in complete),
        )

    def _made(self, epoch: int, numbers: Sequence[int]) -> Batch:
        return self.make(numbers, generators(self.seed, epoch, numbers))

    def _planned(self, epoch: int) -> list[list[np.ndarray]]:
        rng = np.random.default_rng([self.seed, epoch])
        order = rng.permutation(len(self.lengths))
        if self.groups is not None:
            order = order[np.argsort(self.groups[order], kind="stable")]
        batches = [batch for part in self._parts(order) for batch in self._cut(part)]
        if self.length_sorted or self.batch_tokens or self.groups is not None:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        step = self.accumulation
        return [batches[i : i + step] for i in range(0, len(batches), step)]

    def _parts(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """Parts of the order inside which batches are formed."""
        if self.groups is None:
            parts = [order]
        else:
            changes = np.flatnonzero(np.diff(self.groups[order])) + 1
            parts = np.split(order, changes)
        if not (self.length_sorted or self.batch_tokens):
            yield from parts
            return
        size = POOL * self._typical_size()
        for part in parts:
            for start in range(0, len(part), size):
                pool = part[start : start + size]
                yield pool[np.argsort(self.lengths[pool], kind="stable")]

    def _typical_size(self) -> int:
        if self.batch_tokens is None:
            return self.batch_size
        return max(1, int(self.batch_tokens // self.lengths.mean()))

    def _cut(self, part: np.ndarray) -> Iterator[np.ndarray]:
        if self.batch_tokens is None:
            for start in range(0, len(part), self.batch_size):
                yield part[start : start + self.batch_size]
            return
        start = 0
        while start < len(part):  # lengths rise, so the last one decides how much is padded
            stop = start + 1
            while (
                stop < len(part)
                and (stop + 1 - start) * self.lengths[part[stop]] <= self.batch_tokens
            ):
                stop += 1
            yield part[start:stop]
            start = stop
