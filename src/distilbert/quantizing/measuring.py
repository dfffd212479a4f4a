"""Size and speed of a float32 model and its quantized one, measured in turns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from distilbert.batching import padded_batch
from distilbert.heads import HEADS
from distilbert.runner import Runner
from distilbert.timing import median_seconds

LENGTHS = (16, 128)
# The batch whose throughput is measured: how many texts, and their lengths in tokens.
N_TEXTS, SHORTEST, LONGEST = 32, 8, 64
ROUNDS = 21


@dataclass(frozen=True)
class Line:
    """A line of the table: what it is, its unit, and the number before and after."""

    name: str
    unit: str
    before: float | None
    after: float

    @property
    def ratio(self) -> float | None:
        """After by before."""
        return self.after / self.before if self.before else None


def measure_speed(first: Runner, second: Runner, *, rounds: int = ROUNDS) -> list[Line]:
    """The latency of one text of 16 and 128 tokens, and the throughput of ragged texts."""
    config = first.config
    longest, rng = config.max_position_embeddings, np.random.default_rng(0)

    def batch(lengths: Sequence[int]) -> dict[str, np.ndarray]:
        rows = [rng.integers(config.vocab_size, size=n) for n in lengths]
        padded = padded_batch(rows)
        if HEADS[first.head].input_axes == ("B", "C", "S"):
            return {name: array[:, None] for name, array in padded.items()}
        return padded

    lines = []
    for length in sorted({min(length, longest) for length in LENGTHS}):
        before, after = median_seconds((first, second), batch([length]), rounds)
        lines.append(Line(f"latency, 1 text of {length} tokens", "ms", 1e3 * before, 1e3 * after))
    shortest, most = min(SHORTEST, longest), min(LONGEST, longest)
    lengths = rng.integers(shortest, most + 1, size=N_TEXTS).tolist()
    before, after = median_seconds((first, second), batch(lengths), max(1, rounds // 4))
    name = f"throughput, {N_TEXTS} texts of {shortest} to {most} tokens"
    n_tokens = sum(lengths)
    return [*lines, Line(name, "tokens/s", n_tokens / before, n_tokens / after)]
