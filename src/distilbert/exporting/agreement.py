"""Compares an exported file with its source on texts: no export counts before.

The texts are of several languages and lengths; one row fills every position of the model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from distilbert.batching import padded_batch
from distilbert.errors import ExportError
from distilbert.heads import HEADS
from distilbert.runner import Runner
from distilbert.tasks.embedding import normalize, pool

TEXTS = (
    "Is it?",
    "The ferry to the island leaves at seven in the morning, except on Sundays.",
    "A well-made film, but two hours is too long for so thin a story.",
    "Ada Lovelace wrote to Charles Babbage from London in July 1843.",
    "Die Straße nach Köln war gesperrt, also fuhren wir über Aachen.",
    "¿Dónde está la estación más cercana?",
    "x = [i ** 2 for i in range(10)]  # squares",
    "🙂 100 % :-)",
)
# Largest difference, as a share of the largest value of the source's output (at least of 1), by the
# type of the weights: rounding to float16 changes a weight by up to 5e-4 of its value.
TOLERANCES = {"float32": 5e-5, "float16": 1e-2}

Batch = dict[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How far an exported file is from its source; differences as in `TOLERANCES`."""

    largest_difference: float
    tolerance: float
    n_rows: int

    def check(self) -> None:
        """Raise ExportError unless the difference is within the tolerance; nan never is."""
        if not self.largest_difference <= self.tolerance:
            raise ExportError(
                f"An exported model must answer as its source: the largest difference on "
                f"{self.n_rows} rows is {self.largest_difference:.2g} of the largest output, and "
                f"{self.tolerance:.2g} is allowed. Nothing was written."
            )


def compare(
    source: Runner,
    exported: Any,
    tokenizer: Any,
    *,
    longest: int,
    tolerance: float,
    sentences: tuple[str, str, bool] | None = None,
) -> Agreement:
    """Run both on `TEXTS`, padded together and alone, and on a row of `longest` tokens.

    Args:
        exported: the runner of the file.
        sentences: the name of the output with a vector per text, its pooling, and whether it is
            normalized.
    """
    largest, n_rows = 0.0, 0
    for batch in _batches(tokenizer, source.head, longest):
        expected, found = source.run_batch(batch), exported.run_batch(batch)
        visible = batch["attention_mask"] != 0
        n_rows += len(visible)
        for name, axes in HEADS[source.head].outputs.items():
            chosen = visible if "S" in axes else slice(None)
            largest = max(largest, _difference(expected[name][chosen], found[name][chosen]))
        if source.head == "masked_lm":  # whose files can compute logits of some tokens only
            wanted = visible & (np.arange(visible.shape[1]) % 3 == 1)
            few = exported.run_batch(batch, wanted=wanted)["logits"]
            largest = max(largest, _difference(expected["logits"][wanted], few))
        if sentences is not None:
            output, mode, scaled = sentences
            rows = zip(expected["last_hidden_state"], visible, strict=True)
            vectors = np.stack([pool(states[real], mode) for states, real in rows])  # type: ignore[arg-type]
            vectors = normalize(vectors) if scaled else vectors
            largest = max(largest, _difference(vectors, exported.compute(output, batch)))
    return Agreement(largest_difference=largest, tolerance=tolerance, n_rows=n_rows)


def worst(found: Sequence[Agreement]) -> Agreement:
    """What the comparisons of several files say together; they have the same tolerance."""
    # `max` would lose a nan.
    largest = float(np.max([one.largest_difference for one in found]))
    n_rows = sum(one.n_rows for one in found)
    return Agreement(largest_difference=largest, tolerance=found[0].tolerance, n_rows=n_rows)


def _batches(tokenizer: Any, head: str, longest: int) -> Iterator[Batch]:
    pad_id = tokenizer.pad_token_id
    every = " ".join(TEXTS * longest)  # a text has more than one token
    rows = [*_ids(tokenizer, TEXTS, longest)]
    full = _ids(tokenizer, [every], longest)
    for batch in (rows, rows[:1], full):
        padded = padded_batch(batch, pad_id=pad_id)
        if HEADS[head].input_axes == ("B", "C", "S"):
            n_choices = 2 if len(batch) > 1 else 1
            padded = {
                name: array.reshape(-1, n_choices, array.shape[-1])
                for name, array in padded.items()
            }
        yield padded


def _ids(tokenizer: Any, texts: Any, longest: int) -> list[np.ndarray]:
    encoded: Mapping[str, Any] = tokenizer(list(texts), truncation=True, max_length=longest)
    return [np.array(ids, dtype=np.int64) for ids in encoded["input_ids"]]


def _difference(expected: np.ndarray, found: np.ndarray) -> float:
    if expected.shape != found.shape:
        return float("inf")
    scale = max(1.0, float(np.abs(expected).max(initial=0.0)))
    largest = float(np.abs(expected - found).max(initial=0.0)) / scale
    return largest if np.isfinite(largest) else float("inf")
