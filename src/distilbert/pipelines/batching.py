"""Windows of any lengths through a runner: sorted by length, batched by a budget of tokens.

Padding is what makes batches of ragged texts slow; sorting nearly removes it.
Knows nothing of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import numpy as np

from distilbert.runner import Runner

Kept = TypeVar("Kept")

# Padded tokens per batch where the caller names none. It suits a CPU, whose caches then hold the
# activations of a model of the base size; larger batches are slower there. A GPU wants many more.
BATCH_TOKENS = 512


class Run(Protocol):
    """Evaluates windows of ids (S,) and keeps what `keep(number, outputs)` makes of each.

    `outputs` are the runner's arrays without the batch axis; their S axis may end in padding.
    """

    def __call__(
        self,
        windows: Sequence[np.ndarray],
        keep: Callable[[int, Mapping[str, np.ndarray]], Kept],
    ) -> list[Kept]: ...


def run_windows(
    runner: Runner,
    windows: Sequence[np.ndarray],
    keep: Callable[[int, Mapping[str, np.ndarray]], Kept],
    *,
    batch_tokens: int,
    pad_id: int = 0,
) -> list[Kept]:
    """Evaluate `windows` and return what `keep` made of each, in the order they came."""
    kept: dict[int, Kept] = {}
    lengths = np.array([len(window) for window in windows], dtype=np.int64)
    for numbers in batches(lengths, batch_tokens):
        batch = pad([windows[i] for i in numbers], pad_id)
        if runner.head == "multiple_choice":  # choices are scored one by one, so each row is (1, S)
            batch = {name: array[:, None] for name, array in batch.items()}
        outputs = runner(batch)
        for row, number in enumerate(numbers):
            kept[number] = keep(number, {name: array[row] for name, array in outputs.items()})
    return [kept[number] for number in range(len(windows))]


def batches(lengths: np.ndarray, batch_tokens: int) -> Iterator[list[int]]:
    """Group window numbers so that rows x longest row <= `batch_tokens`, longest windows first.

    A single window longer than the budget makes its own batch. The longest come first so that lack
    of memory shows at once.
    """
    order = np.argsort(-lengths, kind="stable").tolist()
    start = 0
    while start < len(order):
        rows = max(1, batch_tokens // int(lengths[order[start]]))
        yield order[start : start + rows]
        start += rows


def pad(windows: Sequence[np.ndarray], pad_id: int) -> dict[str, np.ndarray]:
    """`input_ids` and `attention_mask`, int64 (B, S), padded on the right."""
    lengths = np.array([len(window) for window in windows])
    mask = np.arange(lengths.max()) < lengths[:, None]  # (B, S)
    input_ids = np.full(mask.shape, pad_id, dtype=np.int64)
    input_ids[mask] = np.concatenate(windows)
    return {"input_ids": input_ids, "attention_mask": mask.astype(np.int64)}
