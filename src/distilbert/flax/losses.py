"""The losses of the five heads: logits and labels in, one scalar out.

Labels of any integer type are accepted. Logits of half precision are compared in float32. Pure
functions: they work under `jit`, `grad` and `vmap`.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.core import Tracer
from jax.typing import ArrayLike

from distilbert.heads import IGNORED_LABEL
from distilbert.input_checks import (
    check_class_labels,
    check_classes,
    check_token_labels,
    check_value_labels,
    infer_problem_type,
)


def token_loss(logits: Array, labels: ArrayLike) -> Array:
    """Cross entropy over all tokens whose label is not -100; nan when every label is -100.

    Args:
        logits: (B, S, N), or (B, S, V) for masked language modelling.
        labels: integers (B, S).

    Raises:
        InputError: as `sequence_loss`.
    """
    labels = jnp.asarray(labels, jnp.int32)
    check_token_labels(logits.shape, labels.shape, labels.dtype)
    labels = labels.reshape(logits.shape[:-1])
    if not isinstance(labels, Tracer):
        given = np.asarray(labels)[np.asarray(labels) != IGNORED_LABEL]
        if given.size:
            check_classes(int(given.min()), int(given.max()), logits.shape[-1])
    counts = labels != IGNORED_LABEL
    return _cross_entropy(logits, labels, counts).sum() / counts.sum()


def choice_loss(logits: Array, labels: ArrayLike) -> Array:
    """Cross entropy over the choices.

    Args:
        logits: (B, C).
        labels: integers (B,).
    """
    labels = jnp.asarray(labels)
    check_class_labels(logits.shape, labels.shape, labels.dtype)
    return token_loss(logits, labels.reshape(-1))


def sequence_loss(logits: Array, labels: ArrayLike, *, problem_type: str | None) -> Array:
    """The loss of sequence classification.

    Args:
        logits: (B, N).
        labels: (B,) or (B, 1) class numbers; (B, N) floats for several labels at once; (B,), (B, 1)
            or (B, N) values for regression.
        problem_type: one of `distilbert.config.PROBLEM_TYPES`. None decides from this call alone:
            one label is regression, integers are classes, anything else several labels at once.

    Raises:
        InputError: logits and labels have shapes that do not belong together, or (outside of a
            trace) a label is not one of the classes.
    """
    labels = jnp.asarray(labels)
    are_classes = jnp.issubdtype(labels.dtype, jnp.integer)
    kind = infer_problem_type(problem_type, n_labels=logits.shape[-1], are_classes=are_classes)
    if kind == "single_label_classification":
        check_class_labels(logits.shape, labels.shape, labels.dtype)
        return token_loss(logits, labels.reshape(-1))
    if kind == "regression" and logits.shape[-1] == 1 and labels.size == len(logits):
        labels = labels.reshape(logits.shape)
    check_value_labels(logits.shape, labels.shape, labels.dtype)
    logits = _wide(logits)
    labels = labels.astype(logits.dtype)
    if kind == "regression":
        return ((logits - labels) ** 2).mean()
    # -log sigmoid(x) where the label is 1, -log(1 - sigmoid(x)) where it is 0.
    return (jax.nn.softplus(logits) - logits * labels).mean()


def span_loss(start_logits: Array, end_logits: Array, starts: ArrayLike, ends: ArrayLike) -> Array:
    """The mean of the losses of start and end positions.

    A negative position counts as 0; one outside the sequence takes no part. A side on which no
    position takes part contributes 0 (the reference: nan).

    Args:
        start_logits, end_logits: (B, S).
        starts, ends: integers (B,) or (B, 1).
    """
    return (_position_loss(start_logits, starts) + _position_loss(end_logits, ends)) / 2


def _position_loss(logits: Array, positions: ArrayLike) -> Array:
    positions = jnp.maximum(jnp.asarray(positions, jnp.int32).reshape(-1), 0)  # (B,)
    counts = positions < logits.shape[1]
    total = _cross_entropy(logits, positions, counts).sum()
    return total / jnp.maximum(counts.sum(), 1)


def _cross_entropy(logits: Array, labels: Array, counts: Array) -> Array:
    """One value per label; 0, and without a gradient, where `counts` is False.

    A label outside the classes gives nan, since a trace cannot raise for a value.
    """
    labels = jnp.where(counts, labels, 0)
    labels = jnp.where(labels < 0, logits.shape[-1], labels)  # -1 does not mean the last class
    chosen = jnp.take_along_axis(jax.nn.log_softmax(_wide(logits)), labels[..., None], -1)
    return jnp.where(counts, -chosen[..., 0], 0)


def _wide(logits: Array) -> Array:
    """At least float32: float16 cannot hold the sum over a batch of tokens."""
    return logits.astype(jnp.promote_types(logits.dtype, jnp.float32))
