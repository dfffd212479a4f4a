"""What is minimized, and what a trainer is set to, as plain values for every framework.

An objective is a function of a framework: the model in training and a batch in, named losses out.
Each loss is summed over the items of the batch (labelled tokens or examples), so that the mean over
an update is exact however it is cut into batches and distributed over devices. The one named
`LOSS` is minimized; all of them are logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from distilbert.training.run_card import LoraSection, OptimizationSection

# The name of the loss that is minimized.
LOSS = "loss"


@dataclass(frozen=True)
class LossSettings:
    """How the loss of a task is computed; `class_weights` are float32 (N,), one per label."""

    label_smoothing: float = 0.0
    r_drop: float = 0.0
    class_weights: np.ndarray | None = None
    teacher_weight: float = 0.0
    temperature: float = 1.0


@dataclass(frozen=True)
class TrainerSettings:
    """All that a trainer needs besides the model and the objective."""

    optimization: OptimizationSection = field(default_factory=OptimizationSection)
    lora: LoraSection = field(default_factory=LoraSection)
    seed: int = 42
    device: str | None = None
    parallel: str | None = None
