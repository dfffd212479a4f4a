"""Sequences of different lengths through a runner, in batches that contain little padding.

Sequences are sorted by length and grouped by a budget of padded tokens. Knows nothing of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np

from distilbert.errors import CheckpointError
from distilbert.heads import HEADS, PADDING_ID
from distilbert.runner import Runner

Result = TypeVar("Result")
Outputs = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class BatchPlan:
    """Which sequences share a batch: each batch is an array of sequence numbers."""

    batches: tuple[np.ndarray, ...]

    @classmethod
    def by_length(cls, lengths: Sequence[int] | np.ndarray, batch_tokens: int) -> BatchPlan:
        """Group sequences so that rows x longest row <= `batch_tokens`, longest first.

        A sequence longer than the budget forms a batch of its own. The longest come first so that
        a lack of memory shows at once.
        """
        lengths = np.asarray(lengths, dtype=np.int64)
        order = np.argsort(-lengths, kind="stable")
        batches, start = [], 0
        while start < len(order):
            n_rows = max(1, batch_tokens // max(1, int(lengths[order[start]])))
            batches.append(order[start : start + n_rows])
            start += n_rows
        return cls(tuple(batches))

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


class Evaluate(Protocol):
    """Evaluates sequences of ids (S,) and returns what `reduce(number, outputs)` makes of each.

    See `run_windows`, of which this is the form that is bound to a runner.
    """

    def __call__(
        self,
        windows: Sequence[np.ndarray],
        reduce: Callable[[int, Outputs], Result],
        *,
        positions: Sequence[np.ndarray] | None = None,
    ) -> list[Result]: ...


def run_windows(
    runner: Runner,
    windows: Sequence[np.ndarray],
    reduce: Callable[[int, Outputs], Result],
    *,
    batch_tokens: int | None = None,
    pad_id: int | None = None,
    positions: Sequence[np.ndarray] | None = None,
) -> list[Result]:
    """Evaluate sequences in batches.

    Args:
        windows: ids (S,) of each sequence, special tokens included. For multiple choice each one
            is scored as the only choice of its example.
        reduce: called with the number of a sequence and its outputs without the batch axis; their S
            axis may end in padding. It must copy what it keeps.
        batch_tokens: padded tokens per batch; by default what the runner prefers.
        pad_id: the padding token; it never changes an answer.
        positions: for each sequence the increasing positions (P,) whose outputs are needed;
            `reduce` then gets (P, ...) instead of (S, ...).

    Returns:
        What `reduce` returned, in the order of `windows`.

    Raises:
        CheckpointError: the model answers with values that are not a number.
    """
    results: list[Any] = [None] * len(windows)
    plan = BatchPlan.by_length(
        [len(window) for window in windows], batch_tokens or runner.preferred_batch_tokens
    )
    for numbers in plan:
        batch = padded_batch([windows[i] for i in numbers], pad_id=pad_id)
        if HEADS[runner.head].input_axes == ("B", "C", "S"):
            batch = {name: array[:, None] for name, array in batch.items()}
        if positions is None:
            outputs = runner.run_batch(batch)
            rows = (
                {name: array[i] for name, array in outputs.items()} for i in range(len(numbers))
            )
        else:
            chosen = [positions[i] for i in numbers]
            rows = _rows_at(runner, batch, chosen)
        for number, row in zip(numbers.tolist(), rows, strict=True):
            _check_numbers(row)
            results[number] = reduce(number, row)
    return results


def _check_numbers(outputs: Outputs) -> None:
    """Raise CheckpointError if an output is not a number; one NaN in weights makes most of them so.

    The largest value of an array is NaN if any of its values is.
    """
    for name, array in outputs.items():
        if array.dtype.kind == "f" and array.size and np.isnan(array.max()):
            raise CheckpointError(
                f"A model must answer in numbers: `{name}` has values that are not a number (NaN). "
                f"Its weights are damaged, or too large for {array.dtype.name}: load it again, or "
                f"with `dtype` float32."
            )


def _rows_at(
    runner: Runner, batch: Mapping[str, np.ndarray], positions: Sequence[np.ndarray]
) -> Iterator[dict[str, np.ndarray]]:
    """The outputs of each row at its positions."""
    wanted = np.zeros(batch["input_ids"].shape, dtype=bool)
    for row, columns in enumerate(positions):
        wanted[row, columns] = True
    outputs = runner.run_batch(batch, wanted=wanted)
    stops = np.cumsum(wanted.sum(axis=1))
    for start, stop in zip(np.concatenate(([0], stops[:-1])), stops, strict=True):
        yield {name: array[start:stop] for name, array in outputs.items()}


def padded_batch(
    sequences: Sequence[np.ndarray], *, pad_id: int | None = None
) -> dict[str, np.ndarray]:
    """`input_ids` and `attention_mask`, int64 (B, S), padded on the right."""
    input_ids = pad_sequences(sequences, PADDING_ID if pad_id is None else pad_id)
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    mask = np.arange(input_ids.shape[1]) < lengths[:, None]  # (B, S)
    return {"input_ids": input_ids, "attention_mask": mask.astype(np.int64)}


def pad_sequences(
    sequences: Sequence[np.ndarray], fill: float, *, length: int | None = None
) -> np.ndarray:
    """Sequences (S_i,) as one int64 array (B, S), filled on the right with `fill`.

    `length` is S; by default that of the longest sequence.
    """
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    if length is None:
        length = int(lengths.max(initial=0))
    padded = np.full((len(sequences), length), fill, dtype=np.int64)
    if len(sequences):
        padded[np.arange(length) < lengths[:, None]] = np.concatenate(sequences)
    return padded
