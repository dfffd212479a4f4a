"""The objective of fine-tuning: the losses of a batch as a run card sets them.

See `distilbert.training.objective`, which says what an objective is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from distilbert.heads import HEADS, IGNORED_LABEL
from distilbert.tensorflow.pretrained import PreTrainedModel
from distilbert.training.objective import LOSS, LossSettings

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class TaskObjective:
    """The losses of a model with a head on labelled batches: the objective of fine-tuning."""

    head: str
    problem_type: str | None
    settings: LossSettings

    def __call__(self, model: PreTrainedModel, batch: Batch) -> dict[str, Tensor]:
        """Losses by name, scalars, each summed over the items of a padded batch."""
        logits = self.item_logits(model, batch)
        loss = self.label_loss(logits, batch)
        if not self.settings.r_drop:
            return {LOSS: loss}
        other = self.item_logits(model, batch)  # with other dropout
        loss = (loss + self.label_loss(other, batch)) / 2
        divergence = (self.divergence(logits, other) + self.divergence(other, logits)) / 2
        total = loss + self.settings.r_drop * divergence
        return {LOSS: total, "label_loss": loss, "r_drop_loss": divergence}

    def item_logits(self, model: PreTrainedModel, batch: Batch) -> Tensor:
        """Logits of the items, float32.

        (M, N) of the M labelled tokens, (B, N), (B, C), or (B, 2, S) for start and end, where
        padding has the lowest number.
        """
        ids, mask = batch["input_ids"], batch["attention_mask"]
        sizes = tf.shape(ids)
        task_model: Any = model
        if self.head == "multiple_choice":
            ids, mask = (tf.reshape(array, (-1, sizes[2])) for array in (ids, mask))  # (B * C, S)
        encoded: Any = model.base_model(ids, mask, return_dict=True, training=True)
        states = encoded.last_hidden_state  # (B, S, D)
        if HEADS[self.head].labels_per_token:  # other tokens have no loss
            states = tf.boolean_mask(states, batch["labels"] != IGNORED_LABEL)  # (M, D)
        logits = tf.cast(task_model.compute_logits(states, training=True), tf.float32)
        if self.head == "multiple_choice":
            return tf.reshape(logits, sizes[:2])
        if self.head == "question_answering":
            visible = mask[:, None] != 0
            return tf.where(visible, tf.transpose(logits, (0, 2, 1)), logits.dtype.min)
        return logits

    def label_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The loss of the labels, summed over items."""
        smoothing, weights = self.settings.label_smoothing, self.settings.class_weights
        if self.head == "question_answering":
            labels = tf.stack((batch["start_positions"], batch["end_positions"]), 1)  # (B, 2)
            return _span_loss(logits, labels, batch["attention_mask"], smoothing)
        labels = batch["labels"]
        if HEADS[self.head].labels_per_token:
            labels = tf.boolean_mask(labels, labels != IGNORED_LABEL)
        elif self.problem_type == "regression":
            return _squares(logits, tf.reshape(labels, tf.shape(logits)))
        elif self.problem_type == "multi_label_classification":
            labels = labels * (1 - smoothing) + smoothing / 2
            return _binary_loss(logits, labels, weights)
        return _class_loss(logits, labels, weights, smoothing)

    def divergence(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The divergence of the predictions from those of the logits `targets`, summed over items.

        Kullback-Leibler divergence for classes, squared differences for regression.
        """
        if self.problem_type == "regression":
            return _squares(logits, targets)
        if self.problem_type == "multi_label_classification":
            shares = tf.sigmoid(targets)
            return _binary_loss(logits, shares, None) - _binary_loss(targets, shares, None)
        log_targets, log_shares = tf.nn.log_softmax(targets), tf.nn.log_softmax(logits)
        divergence = tf.reduce_sum(tf.exp(log_targets) * (log_targets - log_shares))
        return divergence / 2 if self.head == "question_answering" else divergence


def _squares(logits: Tensor, targets: Tensor) -> Tensor:
    """The sum over rows (B, N) of the mean squared difference."""
    return tf.reduce_sum(tf.reduce_mean(tf.math.squared_difference(logits, targets), -1))


def _class_loss(
    logits: Tensor, labels: Tensor, weights: np.ndarray | None, smoothing: float
) -> Tensor:
    """The sum of cross entropy; label smoothing gives every class a share, scaled by its weight."""
    losses = -tf.nn.log_softmax(logits)  # (M, N)
    if weights is not None:
        losses = losses * tf.constant(weights, losses.dtype)
    loss = tf.reduce_sum(tf.gather(losses, labels, batch_dims=1))
    if smoothing:
        even = tf.reduce_sum(tf.reduce_mean(losses, -1))
        loss = (1 - smoothing) * loss + smoothing * even
    return loss


def _binary_loss(logits: Tensor, labels: Tensor, weights: np.ndarray | None) -> Tensor:
    """The sum over rows (B, N) of the mean over labels; weights scale the loss of label 1."""
    yes = tf.constant(1.0 if weights is None else weights, logits.dtype)
    losses = tf.nn.weighted_cross_entropy_with_logits(labels, logits, yes)
    return tf.reduce_sum(tf.reduce_mean(losses, -1))


def _span_loss(logits: Tensor, labels: Tensor, mask: Tensor, smoothing: float) -> Tensor:
    """The mean of start and end, summed over examples; smoothing spreads over visible tokens."""
    log_probabilities = tf.nn.log_softmax(logits)  # (B, 2, S)
    loss = -tf.gather(log_probabilities, labels, batch_dims=2)  # (B, 2)
    if smoothing:
        visible = mask[:, None] != 0
        n_visible = tf.reduce_sum(tf.cast(visible, loss.dtype), -1)
        even = -tf.reduce_sum(tf.where(visible, log_probabilities, 0.0), -1) / n_visible
        loss = (1 - smoothing) * loss + smoothing * even
    return tf.reduce_sum(loss) / 2
