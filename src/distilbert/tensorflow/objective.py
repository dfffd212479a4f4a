"""What training makes small: the loss of a batch under all options of a run card.

Losses are sums over items (labelled tokens, or examples), so that the mean over an update is exact
however it was cut into batches and shared among devices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from distilbert.heads import HEADS, IGNORED_LABEL
from distilbert.tensorflow.pretrained import PreTrainedModel

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class LossOptions:
    """The fields of a run card that change the loss, and the weights (N,) of the labels."""

    label_smoothing: float = 0.0
    r_drop: float = 0.0
    class_weights: np.ndarray | None = None


@dataclass(frozen=True)
class Objective:
    """A model together with the loss it is trained by."""

    model: PreTrainedModel
    options: LossOptions

    @property
    def head(self) -> str:
        """The head of the model."""
        return self.model.head

    @property
    def kind(self) -> str | None:
        """The config's `problem_type`."""
        return self.model.config.problem_type

    def __call__(self, batch: Batch) -> Tensor:
        """The sum of the loss over the items of a padded batch, a scalar."""
        logits = self.item_logits(batch)
        loss = self.label_loss(logits, batch)
        if self.options.r_drop:
            again = self.item_logits(batch)
            loss = (loss + self.label_loss(again, batch)) / 2
            apart = self.divergence(logits, again) + self.divergence(again, logits)
            loss = loss + self.options.r_drop * apart / 2
        return loss

    def item_logits(self, batch: Batch) -> Tensor:
        """Logits of the items, float32.

        (M, N) of the M labelled tokens, (B, N), (B, C), or (B, 2, S) for start and end, where
        padding can never be chosen.
        """
        ids, mask = batch["input_ids"], batch["attention_mask"]
        sizes = tf.shape(ids)
        head: Any = self.model
        if self.head == "multiple_choice":
            ids, mask = (tf.reshape(array, (-1, sizes[2])) for array in (ids, mask))  # (B * C, S)
        encoded: Any = self.model.base_model(ids, mask, return_dict=True, training=True)
        states = encoded.last_hidden_state  # (B, S, D)
        if HEADS[self.head].labels_per_token:  # nothing is computed for tokens that teach nothing
            states = tf.boolean_mask(states, batch["labels"] != IGNORED_LABEL)  # (M, D)
        logits = tf.cast(head.compute_logits(states, training=True), tf.float32)
        if self.head == "multiple_choice":
            return tf.reshape(logits, sizes[:2])
        if self.head == "question_answering":
            visible = mask[:, None] != 0
            return tf.where(visible, tf.transpose(logits, (0, 2, 1)), logits.dtype.min)
        return logits

    def label_loss(self, logits: Tensor, batch: Batch) -> Tensor:
        """The sum over items of how far the logits are from the labels."""
        smoothing, weights = self.options.label_smoothing, self.options.class_weights
        if self.head == "question_answering":
            labels = tf.stack((batch["start_positions"], batch["end_positions"]), 1)  # (B, 2)
            return _span_loss(logits, labels, batch["attention_mask"], smoothing)
        labels = batch["labels"]
        if HEADS[self.head].labels_per_token:
            labels = tf.boolean_mask(labels, labels != IGNORED_LABEL)
        elif self.kind == "regression":
            return _squares(logits, tf.reshape(labels, tf.shape(logits)))
        elif self.kind == "multi_label_classification":
            labels = labels * (1 - smoothing) + smoothing / 2
            return _binary_loss(logits, labels, weights)
        return _class_loss(logits, labels, weights, smoothing)

    def divergence(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """The sum over items of how far the outputs are from `wanted`."""
        if self.kind == "regression":
            return _squares(logits, wanted)
        if self.kind == "multi_label_classification":
            targets = tf.sigmoid(wanted)
            return _binary_loss(logits, targets, None) - _binary_loss(wanted, targets, None)
        target, ours = tf.nn.log_softmax(wanted), tf.nn.log_softmax(logits)
        apart = tf.reduce_sum(tf.exp(target) * (target - ours))
        return apart / 2 if self.head == "question_answering" else apart


def _squares(logits: Tensor, wanted: Tensor) -> Tensor:
    """The sum over rows (B, N) of the mean squared difference."""
    return tf.reduce_sum(tf.reduce_mean(tf.math.squared_difference(logits, wanted), -1))


def _class_loss(
    logits: Tensor, labels: Tensor, weights: np.ndarray | None, smoothing: float
) -> Tensor:
    """The sum of cross entropy; smoothing gives every class a share that its weight scales."""
    losses = -tf.nn.log_softmax(logits)  # (M, N)
    if weights is not None:
        losses = losses * tf.constant(weights, losses.dtype)
    loss = tf.reduce_sum(tf.gather(losses, labels, batch_dims=1))
    if smoothing:
        even = tf.reduce_sum(tf.reduce_mean(losses, -1))
        loss = (1 - smoothing) * loss + smoothing * even
    return loss


def _binary_loss(logits: Tensor, labels: Tensor, weights: np.ndarray | None) -> Tensor:
    """The sum over rows (B, N) of the mean over yes or no; weights count where the label is 1."""
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
