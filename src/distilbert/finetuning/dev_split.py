"""Dev examples drawn from the training examples, with equal shares of every label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from distilbert.errors import DataError

# Separates this draw from others of the same seed.
DRAW = 11


def split_dev(
    examples: Sequence[Any], fraction: float, *, seed: int
) -> tuple[list[Any], list[Any]]:
    """Training and dev examples, each in their order; the same for the same examples and seed.

    Questions on one context stay together. The only example of a label stays in training.

    Raises:
        DataError: the fraction leaves no example for dev, or none for training.
    """
    groups: dict[Any, list[int]] = {}
    for number, example in enumerate(examples):
        context = getattr(example, "context", None)
        groups.setdefault(number if context is None else context, []).append(number)
    by_label: dict[Any, list[list[int]]] = {}
    for numbers in groups.values():
        by_label.setdefault(_stratum(examples[numbers[0]]), []).append(numbers)
    rng = np.random.default_rng([seed, DRAW])
    strata = [members for members in by_label.values() if len(members) > 1]
    strata.append(_rare_sets(by_label))
    # In this order, every n-th group is a draw from each label in proportion.
    ordered = [members[i] for members in strata for i in rng.permutation(len(members))]
    share = (np.arange(len(ordered) + 1) * fraction + 0.5).astype(int)
    chosen = {n for i in np.flatnonzero(np.diff(share)) for n in ordered[i]}
    if not chosen or len(chosen) == len(examples):
        raise DataError(
            f"`dev_split` must leave rows for training and for dev: got {fraction:g} of "
            f"{len(examples)} good rows."
        )
    train = [example for i, example in enumerate(examples) if i not in chosen]
    return train, [examples[i] for i in sorted(chosen)]


def _rare_sets(by_label: Mapping[Any, list[list[int]]]) -> list[list[int]]:
    """The groups whose set of labels is unique, while other groups have each of its labels."""
    sets = {key: members for key, members in by_label.items() if isinstance(key, tuple)}
    counts = Counter(label for key, members in sets.items() for label in key * len(members))
    return [
        members[0]
        for key, members in sets.items()
        if len(members) == 1 and all(counts[label] > 1 for label in key)
    ]


def _stratum(example: Any) -> Any:
    """The label or the labels of an example; None for tasks without classes."""
    truth = getattr(example, "truth", None)
    return truth if isinstance(truth, (int, tuple)) else None
