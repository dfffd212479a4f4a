"""The losses of the five heads: logits and labels in, one value per sample out.

Labels of any integer type are accepted. Logits of half precision are compared in float32.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import tensorflow as tf
from tensorflow import Tensor

from distilbert.heads import IGNORED_LABEL
from distilbert.input_checks import (
    check_class_labels,
    check_classes,
    check_token_labels,
    check_value_labels,
    infer_problem_type,
)
from distilbert.tensorflow.inputs import values_of
from distilbert.tensorflow.layers import known_shape


def token_loss(
    logits: Tensor,
    labels: Tensor,
    *,
    ignores_negative: bool = False,
    legacy: bool = False,
    weights: Tensor | None = None,
) -> Tensor:
    """Cross entropy over all tokens whose label is not -100; nan when every label is -100.

    Args:
        logits: (B, S, N), or (B, S, V) for masked language modelling.
        labels: integers (B, S).
        ignores_negative: every negative label is left out, not only -100.
        legacy: return the values of the tokens with a label, one by one, instead of their mean.
        weights: factors of the tokens' values, (B,) or (B, S).

    Returns:
        (1,), or (T,) for `legacy`.

    Raises:
        InputError: as `sequence_loss`.
    """
    labels = tf.convert_to_tensor(labels)
    shape, given = known_shape(logits), known_shape(labels)
    if shape is not None and given is not None:
        check_token_labels(shape, given, labels.dtype.name)
    labels = tf.reshape(_signed(labels), tf.shape(logits)[:-1])  # (B, S)
    active = labels >= 0 if ignores_negative else tf.not_equal(labels, IGNORED_LABEL)
    values = _cross_entropy(logits, tf.where(active, labels, 0))  # (B, S)
    if weights is not None:
        weights = tf.cast(weights, values.dtype)
        values *= weights[:, None] if weights.shape.rank == 1 else weights
    if legacy:
        return tf.boolean_mask(values, active)  # (T,)
    total = tf.reduce_sum(tf.where(active, values, 0))
    n_active = tf.reduce_sum(tf.cast(active, values.dtype))
    return tf.reshape(total / n_active, (1,))


def choice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy over the choices, (B,); rows without a label as in `sequence_loss`.

    Args:
        logits: (B, C).
        labels: integers (B,).
    """
    labels = tf.convert_to_tensor(labels)
    shape, given = known_shape(logits), known_shape(labels)
    if shape is not None and given is not None:
        check_class_labels(shape, given, labels.dtype.name)
    return _class_loss(logits, labels)


def sequence_loss(logits: Tensor, labels: Tensor, *, problem_type: str | None) -> Tensor:
    """The loss of sequence classification, (B,); for several values per row their mean.

    A row whose class is -100 takes no part: its value is 0, and the others weigh more, so that the
    mean over the batch is PyTorch's loss; nan when every class is -100.

    Args:
        logits: (B, N).
        labels: (B,) or (B, 1) class numbers; (B, N) floats for several labels at once; (B,), (B, 1)
            or (B, N) values for regression.
        problem_type: one of `distilbert.config.PROBLEM_TYPES`. None decides from this call alone:
            one label is regression, integers are classes, anything else several labels at once.

    Raises:
        InputError: logits and labels have shapes that do not belong together.
    """
    logits, labels = tf.convert_to_tensor(logits), tf.convert_to_tensor(labels)
    n_labels = int(logits.shape[-1] or 0)
    are_classes = labels.dtype.is_integer
    kind = infer_problem_type(problem_type, n_labels=n_labels, are_classes=are_classes)
    shape, given = known_shape(logits), known_shape(labels)
    if kind == "single_label_classification":
        if shape is not None and given is not None:
            check_class_labels(shape, given, labels.dtype.name)
        return _class_loss(logits, labels)
    fits = shape is None or given is None or math.prod(given) == shape[0]
    if kind == "regression" and n_labels == 1 and fits:
        labels = tf.reshape(labels, tf.shape(logits))
    elif shape is not None and given is not None:
        check_value_labels(shape, given, labels.dtype.name)
    logits = _wide(logits)
    labels = tf.cast(labels, logits.dtype)
    if kind == "regression":
        return tf.reduce_mean(tf.math.squared_difference(logits, labels), -1)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits), -1)


def span_loss(
    start_logits: Tensor,
    end_logits: Tensor,
    starts: Tensor,
    ends: Tensor,
    *,
    weights: Sequence[Tensor] | None = None,
) -> Tensor:
    """The mean of the losses of start and end positions, (B,).

    A negative position counts as 0; one outside the sequence takes no part: its row has the value
    0, and the others of its side weigh more, so that the mean over the batch is PyTorch's loss.

    Args:
        start_logits, end_logits: (B, S).
        starts, ends: integers (B,) or (B, 1).
        weights: factors (B,) of the values of start and of end.
    """
    values = [_position_loss(start_logits, starts), _position_loss(end_logits, ends)]
    if weights is not None:
        factors = [tf.cast(tf.reshape(one, (-1,)), values[0].dtype) for one in weights]
        values = [value * factor for value, factor in zip(values, factors, strict=True)]
    return (values[0] + values[1]) / 2


def _class_loss(logits: Tensor, labels: Tensor) -> Tensor:
    labels = tf.reshape(_signed(labels), (-1,))  # (B,)
    active = tf.not_equal(labels, IGNORED_LABEL)
    values = _cross_entropy(logits, tf.where(active, labels, 0))
    weights = tf.cast(active, values.dtype)
    return values * weights * tf.cast(tf.size(labels), values.dtype) / tf.reduce_sum(weights)


def _position_loss(logits: Tensor, positions: Tensor) -> Tensor:
    positions = tf.reshape(_signed(positions), (-1,))  # (B,)
    length = tf.cast(tf.shape(logits)[1], positions.dtype)
    inside = positions < length
    values = _cross_entropy(logits, tf.where(inside, tf.maximum(positions, 0), 0))
    weights = tf.cast(inside, values.dtype)
    n_rows = tf.cast(tf.size(positions), values.dtype)
    n_inside = tf.maximum(tf.reduce_sum(weights), 1)
    return values * weights * n_rows / n_inside


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """One value per label.

    Raises:
        InputError: a label with a value on a CPU is not one of the classes.
    """
    values = values_of(labels)
    if values is not None and values.size:
        check_classes(int(values.min()), int(values.max()), int(logits.shape[-1] or 0))
    return tf.nn.sparse_softmax_cross_entropy_with_logits(_signed(labels), _wide(logits))


def _signed(labels: Tensor) -> Tensor:
    """The labels in a type that TensorFlow's kernels take and that can hold -100."""
    labels = tf.convert_to_tensor(labels)
    return labels if labels.dtype in (tf.int32, tf.int64) else tf.cast(labels, tf.int64)


def _wide(logits: Tensor) -> Tensor:
    return tf.cast(logits, tf.float32) if logits.dtype.size < tf.float32.size else logits
