"""The objective of fine-tuning: the losses of a batch as a run card sets them.

See `distilbert.training.objective`, which says what an objective is. Pure functions of parameters
and a key.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from distilbert.flax.shapes import IS_ROW, POSITIONS
from distilbert.heads import HEADS, IGNORED_LABEL
from distilbert.training.objective import LOSS, LossSettings

Batch = dict[str, Array]


@dataclass(frozen=True)
class TaskObjective:
    """The losses of a module with a head on labelled batches: the objective of fine-tuning.

    Objectives are compared by value, so that what is compiled for one serves its equals.
    """

    head: str
    problem_type: str | None
    settings: LossSettings

    def __post_init__(self) -> None:
        weights: Any = self.settings.class_weights
        if isinstance(weights, np.ndarray):  # an array has no hash
            weights = tuple(weights.tolist())
            object.__setattr__(self, "settings", replace(self.settings, class_weights=weights))

    def __call__(
        self, module: nn.Module, params: Any, batch: Batch, key: Array
    ) -> dict[str, Array]:
        """Losses by name, scalars, each summed over the items of a batch of `pad_batch`.

        Args:
            key: dropout is drawn from it.
        """
        first, second = jax.random.split(key)
        logits = self.item_logits(module, params, batch, first)
        loss = self.label_loss(logits, batch)
        if not self.settings.r_drop:
            return {LOSS: loss}
        other = self.item_logits(module, params, batch, second)
        loss = (loss + self.label_loss(other, batch)) / 2
        divergence = self.divergence(logits, other, batch) + self.divergence(other, logits, batch)
        divergence = divergence / 2
        total = loss + self.settings.r_drop * divergence
        return {LOSS: total, "label_loss": loss, "r_drop_loss": divergence}

    def item_logits(self, module: nn.Module, params: Any, batch: Batch, key: Array) -> Array:
        """Logits of the items, float32.

        (B, S, N) of all tokens, (B, K, V) of the tokens to predict, (B, N), (B, C), or (B, 2, S)
        for start and end, where padding has the lowest number.
        """
        logits = module.apply(
            {"params": params}, batch, method=_compute_logits, rngs={"dropout": key}
        ).astype(jnp.float32)  # pyright: ignore[reportAttributeAccessIssue]
        if self.head == "multiple_choice":
            return logits.reshape(batch["input_ids"].shape[:2])  # (B, C)
        if self.head == "question_answering":
            visible = batch["attention_mask"][:, None] != 0
            lowest = jnp.finfo(logits.dtype).min
            return jnp.where(visible, logits.swapaxes(1, 2), lowest)  # (B, 2, S)
        return logits

    def label_loss(self, logits: Array, batch: Batch) -> Array:
        """The loss of the labels, summed over items."""
        smoothing, weights = self.settings.label_smoothing, self.settings.class_weights
        if self.head == "question_answering":
            labels = jnp.stack((batch["start_positions"], batch["end_positions"]), 1)  # (B, 2)
            loss = _span_loss(logits, labels, batch["attention_mask"], smoothing)
        elif self.problem_type == "regression":
            loss = jnp.square(logits - batch["labels"].reshape(logits.shape)).mean(-1)
        elif self.problem_type == "multi_label_classification":
            labels = batch["labels"] * (1 - smoothing) + smoothing / 2
            loss = _binary_loss(logits, labels, weights).mean(-1)
        else:
            loss = _class_loss(logits, jnp.maximum(batch["labels"], 0), weights, smoothing)
        return self._sum(loss, batch)

    def divergence(self, logits: Array, targets: Array, batch: Batch) -> Array:
        """The divergence of the predictions from those of the logits `targets`, summed over items.

        Kullback-Leibler divergence for classes, squared differences for regression.
        """
        if self.problem_type == "regression":
            return self._sum(jnp.square(logits - targets).mean(-1), batch)
        if self.problem_type == "multi_label_classification":
            shares = jax.nn.sigmoid(targets)
            divergence = _binary_loss(logits, shares, None) - _binary_loss(targets, shares, None)
            return self._sum(divergence.mean(-1), batch)
        log_targets, log_shares = jax.nn.log_softmax(targets), jax.nn.log_softmax(logits)
        divergence = (jnp.exp(log_targets) * (log_targets - log_shares)).sum(-1)
        if self.head == "question_answering":
            divergence = divergence.mean(-1)
        return self._sum(divergence, batch)

    def _sum(self, losses: Array, batch: Batch) -> Array:
        """The sum over labelled tokens, or over rows that are not padding."""
        is_item = (
            batch["labels"] != IGNORED_LABEL if HEADS[self.head].labels_per_token else batch[IS_ROW]
        )
        return jnp.where(is_item, losses, 0.0).sum()


def _compute_logits(module: Any, batch: Batch) -> Array:
    """Logits of a module with a head, in training; of masked tokens only the labelled ones."""
    ids, mask = batch["input_ids"], batch["attention_mask"]
    ids, mask = (array.reshape(-1, array.shape[-1]) for array in (ids, mask))  # choices as rows
    states = module.distilbert(ids, mask, deterministic=False).last_hidden_state  # (B, S, D)
    if POSITIONS in batch:
        states = jnp.take_along_axis(states, batch[POSITIONS][..., None], 1)  # (B, K, D)
    return module.compute_logits(states, deterministic=False)


def _class_loss(logits: Array, labels: Array, weights: Any, smoothing: float) -> Array:
    """Cross entropy of each item; smoothing gives every class a share, scaled by its weight."""
    losses = -jax.nn.log_softmax(logits)  # (..., N)
    if weights is not None:
        losses = losses * jnp.asarray(weights, losses.dtype)
    loss = jnp.take_along_axis(losses, labels[..., None], -1)[..., 0]
    return (1 - smoothing) * loss + smoothing * losses.mean(-1) if smoothing else loss


def _binary_loss(logits: Array, labels: Array, weights: Any) -> Array:
    """Binary cross entropy of each label; weights scale the loss of label 1."""
    yes = labels if weights is None else labels * jnp.asarray(weights, labels.dtype)
    return yes * jax.nn.softplus(-logits) + (1 - labels) * jax.nn.softplus(logits)


def _span_loss(logits: Array, labels: Array, mask: Array, smoothing: float) -> Array:
    """The mean of start and end of each example; label smoothing spreads over visible tokens."""
    log_probabilities = jax.nn.log_softmax(logits)  # (B, 2, S)
    loss = -jnp.take_along_axis(log_probabilities, labels[..., None], 2)[..., 0]  # (B, 2)
    if smoothing:
        visible = mask[:, None] != 0
        n_visible = jnp.maximum(visible.sum(-1), 1)  # padded rows have none
        even = -jnp.where(visible, log_probabilities, 0.0).sum(-1) / n_visible
        loss = (1 - smoothing) * loss + smoothing * even
    return loss.mean(-1)
