"""What is minimized, and what a trainer is set to, as plain values for every framework.

An objective is a function of a framework: the model in training and a batch in, named losses out.
The losses of an update are means over all its items (labelled tokens, or examples), however it is
cut into batches and distributed over devices: each batch adds its sum divided by the number of all
items. The one named `LOSS` is minimized; all of them are logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from distilbert.training.run_card import LoraSection, OptimizationSection

# The name of the loss that is minimized.
LOSS = "loss"
# What the losses of distillation are means of, among the counts of an update: all tokens, masked
# ones, and those at which the predictions of student and teacher are compared.
TOKENS, MASKED, COMPARED = "tokens", "masked", "compared"
# Arrays of a batch (B, S, ...) from a teacher that is not there: `TEACHER` and the name of each.
TEACHER = "teacher_"
STATES, IDS, PROBABILITIES, ENTROPY, BEST = "states", "ids", "probabilities", "entropy", "best"


@dataclass(frozen=True)
class LossSettings:
    """How the loss of a task is computed; `class_weights` are float32 (N,), one per label."""

    label_smoothing: float = 0.0
    r_drop: float = 0.0
    class_weights: np.ndarray | None = None
    teacher_weight: float = 0.0
    temperature: float = 1.0


@dataclass(frozen=True)
class DistillationSettings:
    """The weights of the losses of distillation; a loss of weight 0 is not computed.

    Attributes:
        kl: divergence of the student's predictions from the teacher's at `temperature`, times its
            square, a mean over compared tokens.
        mlm: cross entropy of the masked tokens.
        cosine: 1 - cosine of the last hidden states, a mean over all tokens.
        mse: squared difference of logits, summed over the vocabulary, a mean over compared tokens.
        attention: divergence of the attention of the last layers.
        value: divergence of the relations between values of the last layers (MiniLM).
        relation_heads: heads that the last two are computed with; None takes the teacher's.
        packing: compute no padding.
    """

    kl: float = 5.0
    mlm: float = 2.0
    cosine: float = 1.0
    mse: float = 0.0
    attention: float = 0.0
    value: float = 0.0
    temperature: float = 2.0
    relation_heads: int | None = None
    packing: bool = True


@dataclass(frozen=True)
class KeptWords:
    """Which words of a teacher's distributions at `temperature` are kept: `count` of them, sampled
    from the distribution, or the top ones."""

    kind: Literal["sampled", "top"]
    count: int
    temperature: float


@dataclass(frozen=True)
class TrainerSettings:
    """All that a trainer needs besides the model and the objective.

    `tokens_at_once` are the tokens that one pass on a CPU takes (torch): more of them need more
    memory, and pay where a pass has a cost of its own.
    """

    optimization: OptimizationSection = field(default_factory=OptimizationSection)
    lora: LoraSection = field(default_factory=LoraSection)
    seed: int = 42
    device: str | None = None
    parallel: str | None = None
    tokens_at_once: int = 384
