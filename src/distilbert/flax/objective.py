"""What training makes small: the loss of a batch under all options of a run card.

Losses are sums over items (labelled tokens, or examples), so that the mean over an update is exact
however it was cut into batches and shared among devices. Pure functions of parameters and a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import Array

from distilbert.flax.shapes import IS_ROW, POSITIONS
from distilbert.heads import HEADS, IGNORED_LABEL

Batch = dict[str, Array]


@dataclass(frozen=True)
class LossOptions:
    """The fields of a run card that change the loss, and the weights (N,) of the labels."""

    label_smoothing: float = 0.0
    r_drop: float = 0.0
    class_weights: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Objective:
    """A linen module with a head, together with the loss it is trained by.

    `kind` is the config's `problem_type`.
    """

    module: nn.Module
    head: str
    kind: str | None
    options: LossOptions

    def __call__(self, params: Any, batch: Batch, key: Array) -> Array:
        """The sum of the loss over the items of a batch of `pad_batch`, a scalar.

        Args:
            key: what dropout is drawn from.
        """
        first, second = jax.random.split(key)
        logits = self.item_logits(params, batch, first)
        loss = self.label_loss(logits, batch)
        if self.options.r_drop:
            again = self.item_logits(params, batch, second)
            loss = (loss + self.label_loss(again, batch)) / 2
            apart = self.divergence(logits, again, batch) + self.divergence(again, logits, batch)
            loss = loss + self.options.r_drop * apart / 2
        return loss

    def item_logits(self, params: Any, batch: Batch, key: Array) -> Array:
        """Logits of the items, float32.

        (B, S, N) of all tokens, (B, K, V) of the tokens to predict, (B, N), (B, C), or (B, 2, S)
        for start and end, where padding can never be chosen.
        """
        logits = self.module.apply(
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
        """The sum over items of how far the logits are from the labels."""
        smoothing, weights = self.options.label_smoothing, self.options.class_weights
        if self.head == "question_answering":
            labels = jnp.stack((batch["start_positions"], batch["end_positions"]), 1)  # (B, 2)
            loss = _span_loss(logits, labels, batch["attention_mask"], smoothing)
        elif self.kind == "regression":
            loss = jnp.square(logits - batch["labels"].reshape(logits.shape)).mean(-1)
        elif self.kind == "multi_label_classification":
            labels = batch["labels"] * (1 - smoothing) + smoothing / 2
            loss = _binary_loss(logits, labels, weights).mean(-1)
        else:
            loss = _class_loss(logits, jnp.maximum(batch["labels"], 0), weights, smoothing)
        return self._sum(loss, batch)

    def divergence(self, logits: Array, wanted: Array, batch: Batch) -> Array:
        """The sum over items of how far the outputs are from `wanted`."""
        if self.kind == "regression":
            return self._sum(jnp.square(logits - wanted).mean(-1), batch)
        if self.kind == "multi_label_classification":
            targets = jax.nn.sigmoid(wanted)
            apart = _binary_loss(logits, targets, None) - _binary_loss(wanted, targets, None)
            return self._sum(apart.mean(-1), batch)
        target, ours = jax.nn.log_softmax(wanted), jax.nn.log_softmax(logits)
        apart = (jnp.exp(target) * (target - ours)).sum(-1)
        return self._sum(apart.mean(-1) if self.head == "question_answering" else apart, batch)

    def _sum(self, losses: Array, batch: Batch) -> Array:
        """Over what counts: labelled tokens, or rows that were not added."""
        is_item = (
            batch["labels"] != IGNORED_LABEL if HEADS[self.head].labels_per_token else batch[IS_ROW]
        )
        return jnp.where(is_item, losses, 0.0).sum()


def _compute_logits(module: Any, batch: Batch) -> Array:
    """Logits of a module with a head, in training; nothing is computed for words not asked for."""
    ids, mask = batch["input_ids"], batch["attention_mask"]
    ids, mask = (array.reshape(-1, array.shape[-1]) for array in (ids, mask))  # choices as rows
    states = module.distilbert(ids, mask, deterministic=False).last_hidden_state  # (B, S, D)
    if POSITIONS in batch:
        states = jnp.take_along_axis(states, batch[POSITIONS][..., None], 1)  # (B, K, D)
    return module.compute_logits(states, deterministic=False)


def _class_loss(logits: Array, labels: Array, weights: Any, smoothing: float) -> Array:
    """Cross entropy of each item; smoothing gives every class a share that its weight scales."""
    losses = -jax.nn.log_softmax(logits)  # (..., N)
    if weights is not None:
        losses = losses * jnp.asarray(weights, losses.dtype)
    loss = jnp.take_along_axis(losses, labels[..., None], -1)[..., 0]
    return (1 - smoothing) * loss + smoothing * losses.mean(-1) if smoothing else loss


def _binary_loss(logits: Array, labels: Array, weights: Any) -> Array:
    """Cross entropy of each yes or no; weights count where the label is 1."""
    yes = labels if weights is None else labels * jnp.asarray(weights, labels.dtype)
    return yes * jax.nn.softplus(-logits) + (1 - labels) * jax.nn.softplus(logits)


def _span_loss(logits: Array, labels: Array, mask: Array, smoothing: float) -> Array:
    """The mean of start and end of each example; smoothing spreads over visible tokens."""
    log_probabilities = jax.nn.log_softmax(logits)  # (B, 2, S)
    loss = -jnp.take_along_axis(log_probabilities, labels[..., None], 2)[..., 0]  # (B, 2)
    if smoothing:
        visible = mask[:, None] != 0
        n_visible = jnp.maximum(visible.sum(-1), 1)  # rows that were added have none
        even = -jnp.where(visible, log_probabilities, 0.0).sum(-1) / n_visible
        loss = (1 - smoothing) * loss + smoothing * even
    return loss.mean(-1)
