"""AdamW as PyTorch computes it, on TensorFlow's fused kernel of Adam.

Loshchilov and Hutter 2019, algorithm 2. Keras' AdamW adds epsilon at another place and has no
learning rate per parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from distilbert.training.parameters import Treatment
from distilbert.training.run_card import OptimizationSection

CLIP_EPSILON = 1e-6  # what PyTorch's `clip_grad_norm_` adds to the norm
MOMENTS = ("exp_avg", "exp_avg_sq")


class AdamW:
    """The optimizer of variables, their moments and, where `ema` is a decay, running means.

    Create it in the scope of the strategy that its variables belong to.
    """

    def __init__(
        self,
        trained: Mapping[str, Any],
        chosen: Mapping[str, Treatment],
        options: OptimizationSection,
        *,
        means: Mapping[str, Any],
    ) -> None:
        """
        Args:
            trained: variables by name.
            chosen: the treatment of each, by the same names.
            means: variables that follow those of the same names; none without `ema`.
        """
        self.trained, self.chosen, self.options, self.means = trained, chosen, options, means
        # Of the kernel's betas, so that the correction fits the moments to the last digit.
        self.betas = np.float32(options.beta1), np.float32(options.beta2)
        self.n_steps = 0
        self.moments: dict[str, dict[str, Any]] = {
            moment: {
                name: tf.Variable(tf.zeros(variable.shape), trainable=False)
                for name, variable in trained.items()
            }
            for moment in MOMENTS
        }

    def coefficients(self, learning_rate: float) -> dict[str, Tensor]:
        """The scalars of the next step, which differ from step to step."""
        first, second = (1 - float(beta) ** (self.n_steps + 1) for beta in self.betas)
        values = {
            "learning_rate": learning_rate,
            "step_size": learning_rate * second**0.5 / first,
            "epsilon": self.options.epsilon * second**0.5,
        }
        return {name: tf.constant(value, tf.float32) for name, value in values.items()}

    def step(
        self, gradients: Sequence[Tensor], loss: Tensor, coefficients: Mapping[str, Tensor]
    ) -> Tensor:
        """Update every variable, to be compiled; returns the norm of the gradients before clipping.

        Nothing changes where loss or norm are not finite; the caller increments `n_steps`.

        Args:
            gradients: dense, in the order of `trained`.
            coefficients: of this step.
        """
        norm = tf.sqrt(2 * tf.add_n([tf.nn.l2_loss(gradient) for gradient in gradients]))
        scale = tf.constant(1.0)
        if self.options.max_grad_norm:
            scale = tf.minimum(1.0, self.options.max_grad_norm / (norm + CLIP_EPSILON))

        def apply() -> Tensor:
            for name, gradient in zip(self.trained, gradients, strict=True):
                self._apply(name, gradient * scale, coefficients)
            return tf.constant(True)

        is_finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)
        tf.cond(is_finite, apply, lambda: tf.constant(False))
        return norm

    def _apply(self, name: str, gradient: Tensor, coefficients: Mapping[str, Tensor]) -> None:
        variable, treatment = self.trained[name], self.chosen[name]
        first, second = (self.moments[moment][name] for moment in MOMENTS)
        if treatment.decays and self.options.weight_decay:
            decay = coefficients["learning_rate"] * (treatment.rate * self.options.weight_decay)
            assign_here(variable, variable * (1 - decay))
        # With powers of 0 the kernel leaves the bias correction to `step_size` and `epsilon`.
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.handle,
            v=second.handle,
            beta1_power=0.0,
            beta2_power=0.0,
            lr=coefficients["step_size"] * treatment.rate,
            beta1=float(self.betas[0]),
            beta2=float(self.betas[1]),
            epsilon=coefficients["epsilon"],
            grad=gradient,
        )
        if name in self.means:
            mean, ema = self.means[name], self.options.ema or 0.0
            assign_here(mean, mean + (1 - ema) * (variable - mean))


def assign_here(variable: Any, value: Tensor) -> None:
    """Overwrite a variable; if every device has a copy, the one of this device alone."""
    tf.raw_ops.AssignVariableOp(resource=variable.handle, value=value)
