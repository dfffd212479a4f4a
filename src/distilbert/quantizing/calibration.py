"""The ranges of the values that quantized layers multiply, measured on texts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal

import numpy as np

from distilbert.batching import padded_batch
from distilbert.errors import DataError, InputError
from distilbert.exporting.graph import Graph
from distilbert.heads import HEADS
from distilbert.runtimes.file_runner import FileRunner

RangeKind = Literal["percentile", "minmax"]
# The fraction of the values of a text that may lie outside of its range, at each end.
OUTSIDE = 1e-4
# Texts that are used; more change the ranges by less than a step.
MOST_TEXTS = 256


def check_known(sequences: Sequence[np.ndarray], tokenizer: Any) -> None:
    """Raise DataError if texts consist of nothing but unknown and special tokens."""
    ids = np.unique(np.concatenate([np.zeros(0, np.int64), *sequences]))
    meaningless = [*tokenizer.all_special_ids, tokenizer.unk_token_id]
    if not np.setdiff1d(ids, meaningless).size:
        raise DataError(
            "Texts for calibration must have tokens of the vocabulary: those given have none but "
            "unknown ones. Use texts of the kind, and in the language, that the model is for."
        )


def measure_ranges(
    graph: Graph,
    names: Sequence[str],
    sequences: Sequence[np.ndarray],
    *,
    open_graph: Callable[[Graph], FileRunner],
    kind: RangeKind,
) -> dict[str, tuple[float, float]]:
    """The range of each value of a graph.

    Args:
        names: values (..., K) of the graph.
        sequences: ids (S,) of each text; each runs alone, so that padding has no part.
        open_graph: gives the runner of a graph.
        kind: "minmax" is the range of all values; "percentile" the mean over texts of the range in
            which all but 0.01 % of the values of a text are, at each end.
    """
    of_texts = _values(graph, names, sequences, open_graph)
    found = [[ends_of(value) for value in values] for values in of_texts]
    return join_ranges(names, found, kind)


def join_ranges(
    names: Sequence[str], found: Sequence[Sequence[Sequence[float]]], kind: RangeKind
) -> dict[str, tuple[float, float]]:
    """The range of each value, from the `ends_of` all values in every text.

    Raises:
        InputError: a value is not finite.
    """
    ends = np.array(found)  # (texts, names, 4)
    if not np.isfinite(ends).all():
        wrong = names[int(np.argmin(np.isfinite(ends).all(axis=(0, 2))))]
        raise InputError(
            f"`model` must compute finite values: {wrong} has others on the texts for "
            f"calibration. Use a checkpoint that was not damaged in training."
        )
    if kind == "minmax":
        low, high = ends[:, :, 0].min(axis=0), ends[:, :, 3].max(axis=0)
    else:
        low, high = ends[:, :, 1].mean(axis=0), ends[:, :, 2].mean(axis=0)
    pairs = zip(low.tolist(), high.tolist(), strict=True)
    return dict(zip(names, pairs, strict=True))


def largest_of_channels(
    graph: Graph,
    names: Sequence[str],
    sequences: Sequence[np.ndarray],
    *,
    open_graph: Callable[[Graph], FileRunner],
) -> dict[str, np.ndarray]:
    """The largest absolute number of each channel, float32 (K,), of values (..., K) by name.

    Args:
        names, sequences, open_graph: as for `measure_ranges`.

    Raises:
        InputError: a value is not finite.
    """
    found: dict[str, np.ndarray] = {}
    for values in _values(graph, names, sequences, open_graph):
        for name, value in zip(names, values, strict=True):
            largest = np.abs(value.reshape(-1, value.shape[-1])).max(axis=0)
            found[name] = np.maximum(found.get(name, 0), largest)
    for name, largest in found.items():
        if not np.isfinite(largest).all():
            raise InputError(
                f"`model` must compute finite values: {name} has others on the texts for "
                f"calibration. Use a checkpoint that was not damaged in training."
            )
    return found


def _values(
    graph: Graph,
    names: Sequence[str],
    sequences: Sequence[np.ndarray],
    open_graph: Callable[[Graph], FileRunner],
) -> Iterator[list[np.ndarray]]:
    """The values `names` of the graph for each text."""
    watched = Graph(graph.opset)
    watched.nodes, watched.constants = graph.nodes, graph.constants
    watched.inputs = graph.inputs
    watched.outputs = {**graph.outputs, **dict.fromkeys(names, (np.float32, None))}
    runner = open_graph(watched)
    for ids in sequences[:MOST_TEXTS]:
        batch = padded_batch([ids])
        if HEADS[runner.head].input_axes == ("B", "C", "S"):
            batch = {name: array[:, None] for name, array in batch.items()}
        yield runner.compute_all(names, batch)
    runner.close()


def ends_of(value: np.ndarray) -> list[float]:
    """Lowest, low, high and highest of an array; between the middle two are all but `OUTSIDE`."""
    flat = value.ravel()
    n_outside = int(flat.size * OUTSIDE)
    places = sorted({0, n_outside, flat.size - 1 - n_outside, flat.size - 1})
    ordered = np.partition(flat, places)
    return [float(ordered[i]) for i in (0, n_outside, -1 - n_outside, -1)]
