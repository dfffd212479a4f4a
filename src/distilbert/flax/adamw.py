"""AdamW by optax, with a rate per leaf, clipping as PyTorch does it, and running means.

Pure functions on flat trees, `{"a/b": leaf}`, to be compiled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
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
        state: Any = self._adam().init(weights)
        mean = {} if self.ema is None else {path: jnp.array(leaf) for path, leaf in weights.items()}
        return {
            "weights": dict(weights),
            "exp_avg": state.mu,
            "exp_avg_sq": state.nu,
            "mean": mean,
        }

    def stepped(
        self,
        moments: Mapping[str, Leaves],
        gradients: Leaves,
        weights: Leaves,
        loss: ArrayLike,
        rate: ArrayLike,
        n_steps: ArrayLike,
    ) -> tuple[dict[str, Leaves], Array]:
        """The next moving part, and the norm of the gradients before they are scaled down.

        Nothing moves where loss or norm are no finite numbers.

        Args:
            moments: the moving part without its weights.
            n_steps: steps that were taken before, int32.
        """
        norm = jnp.sqrt(sum(jnp.square(leaf).sum() for leaf in gradients.values()))
        if self.max_grad_norm:
            scale = jnp.minimum(1.0, self.max_grad_norm / (norm + CLIP_EPSILON))
            gradients = {path: leaf * scale for path, leaf in gradients.items()}
        before = optax.ScaleByAdamState(
            jnp.asarray(n_steps, jnp.int32), moments["exp_avg"], moments["exp_avg_sq"]
        )
        moves: Any
        after: Any
        moves, after = self._adam().update(gradients, before)
        new = {path: self._moved(path, old, moves[path], rate) for path, old in weights.items()}
        mean: Any = {}
        if self.ema is not None:
            mean = optax.incremental_update(new, moments["mean"], 1 - self.ema)
        moved = {"weights": new, "exp_avg": after.mu, "exp_avg_sq": after.nu, "mean": mean}
        is_finite = jnp.isfinite(loss) & jnp.isfinite(norm)
        kept = jax.tree.map(
            lambda new, old: jnp.where(is_finite, new, old),
            moved,
            {"weights": weights, **moments},
        )
        return kept, norm

    def _adam(self) -> optax.GradientTransformation:
        return optax.scale_by_adam(self.beta1, self.beta2, self.epsilon)

    def _moved(self, path: str, old: Array, move: Array, rate: ArrayLike) -> Array:
        treatment = self.chosen[path]
        if treatment.decays:
            move = move + self.weight_decay * old
        return old - rate * treatment.rate * move


def added(sums: Leaves, leaves: Leaves) -> Leaves:
    """Leaf by leaf."""
    return {path: total + leaves[path] for path, total in sums.items()}
