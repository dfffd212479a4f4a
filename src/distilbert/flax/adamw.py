"""AdamW as PyTorch computes it, on flat trees: `{"a/b": leaf}`. Pure functions, to be compiled.

Loshchilov and Hutter 2019, algorithm 2. PyTorch's optimizer is a part of PyTorch, so only this room
needs the file; optax would be one more package for thirty lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike

from distilbert.training.parameters import Treatment

Leaves = dict[str, Array]

CLIP_EPSILON = 1e-6  # what PyTorch's `clip_grad_norm_` adds to the norm


@dataclass(frozen=True)
class AdamW:
    """The fixed part of the optimizer; `chosen` holds the treatment of each leaf by its path.

    The moving part is `{"weights": ..., "exp_avg": ..., "exp_avg_sq": ..., "mean": ...}`: leaves,
    their moments and, where `ema` is a decay, their running means.
    """

    chosen: Mapping[str, Treatment]
    beta1: float
    beta2: float
    epsilon: float
    weight_decay: float
    max_grad_norm: float
    ema: float | None

    def start(self, weights: Leaves) -> dict[str, Leaves]:
        """The moving part before the first update."""
        return {
            "weights": dict(weights),
            "exp_avg": {path: jnp.zeros_like(leaf) for path, leaf in weights.items()},
            "exp_avg_sq": {path: jnp.zeros_like(leaf) for path, leaf in weights.items()},
            "mean": {}
            if self.ema is None
            else {path: jnp.array(leaf) for path, leaf in weights.items()},
        }

    def corrections(self, step: int) -> tuple[float, float]:
        """What divides the moments of update `step`, counted from 1, as they started at 0."""
        return 1 - self.beta1**step, 1 - self.beta2**step

    def stepped(
        self,
        moments: Mapping[str, Leaves],
        gradients: Leaves,
        weights: Leaves,
        loss: ArrayLike,
        rate: ArrayLike,
        corrections: tuple[ArrayLike, ArrayLike],
    ) -> tuple[dict[str, Leaves], Array]:
        """The next moving part, and the norm of the gradients before they are scaled down.

        Nothing moves where loss or norm are no finite numbers.

        Args:
            moments: the moving part without its weights.
        """
        norm = global_norm(gradients)
        is_finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        scale = jnp.float32(1.0)
        if self.max_grad_norm:
            scale = jnp.minimum(1.0, self.max_grad_norm / (norm + CLIP_EPSILON))
        moved: dict[str, Leaves] = {
            name: {} for name in ("weights", "exp_avg", "exp_avg_sq", "mean")
        }
        for path, old in weights.items():
            slope = gradients[path] * scale
            first, second = moments["exp_avg"][path], moments["exp_avg_sq"][path]
            new_first = first + (1 - self.beta1) * (slope - first)
            new_second = self.beta2 * second + (1 - self.beta2) * jnp.square(slope)
            new = self._moved(path, old, new_first, new_second, rate, corrections)
            moved["exp_avg"][path] = jnp.where(is_finite, new_first, first)
            moved["exp_avg_sq"][path] = jnp.where(is_finite, new_second, second)
            moved["weights"][path] = jnp.where(is_finite, new, old)
            if self.ema is not None:
                mean = moments["mean"][path]
                new_mean = mean + (1 - self.ema) * (new - mean)
                moved["mean"][path] = jnp.where(is_finite, new_mean, mean)
        return moved, norm

    def _moved(
        self,
        path: str,
        old: Array,
        first: Array,
        second: Array,
        rate: ArrayLike,
        corrections: tuple[ArrayLike, ArrayLike],
    ) -> Array:
        treatment = self.chosen[path]
        rate = rate * treatment.rate
        if treatment.decays:
            old = old * (1 - rate * self.weight_decay)
        size = jnp.sqrt(second) / jnp.sqrt(corrections[1]) + self.epsilon
        return old - rate / corrections[0] * first / size


def global_norm(leaves: Leaves) -> Array:
    """The Euclidean norm of all leaves together."""
    return jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in leaves.values()))


def added(sums: Leaves, leaves: Leaves) -> Leaves:
    """Leaf by leaf."""
    return {path: total + leaves[path] for path, total in sums.items()}
