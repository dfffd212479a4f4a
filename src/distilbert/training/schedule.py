"""Learning rates over a run: warm up, then stay or fall. The same in all frameworks."""

from __future__ import annotations

import math
from dataclasses import dataclass

from distilbert.errors import RunCardError

KINDS = ("linear", "cosine", "wsd", "constant")


@dataclass(frozen=True, slots=True)
class Schedule:
    """The learning rate of each update.

    Args:
        peak: the highest learning rate.
        kind: `linear` and `cosine` fall to 0 after the warm-up; `wsd` stays at the peak and falls
            as 1 - sqrt(progress) in its last part (Hägele et al. 2024); `constant` stays.
        total: updates of the run, at least 1.
        warmup: updates in which the learning rate rises; it is not 0 in the first one.
        decay: updates of the fall at the end of `wsd`.

    Raises:
        RunCardError: unknown kind.
    """

    peak: float
    kind: str
    total: int
    warmup: int
    decay: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise RunCardError(f"`schedule` must be one of {', '.join(KINDS)}: got {self.kind!r}.")

    def __call__(self, step: int) -> float:
        """The learning rate of update `step`, counted from 0."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        if self.kind == "constant":
            return self.peak
        begin = self.warmup if self.kind != "wsd" else max(self.warmup, self.total - self.decay)
        progress = min(1.0, max(0, step - begin) / max(1, self.total - begin))
        if self.kind == "linear":
            return self.peak * (1 - progress)
        if self.kind == "cosine":
            return self.peak * (1 + math.cos(math.pi * progress)) / 2
        return self.peak * (1 - math.sqrt(progress))
