"""Support for Keras' `fit`, `evaluate` and `predict`.

Labels may be part of the inputs or separate. Without a loss in `compile` the model's is used;
metrics and losses in `compile` see logits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorflow import Tensor

from distilbert.errors import InputError
from distilbert.heads import HEADS
from distilbert.tensorflow.backend import keras
from distilbert.tensorflow.inputs import LABELS, named_arguments
from distilbert.tensorflow.losses import span_loss, token_loss
from distilbert.tensorflow.weights import is_own_head

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel

# Values of `loss` in `compile` that select the model's loss, as in the reference.
MODEL_LOSS = (None, "passthrough", "auto", "auto_with_warning")

# Output -> label, for the head that has two of each.
SPANS = {"start_logits": "start_positions", "end_logits": "end_positions"}


def split_labels(model: PreTrainedModel, data: Any, *, for_loss: bool) -> tuple[Any, Any, Any]:
    """Inputs, labels and sample weights of one batch.

    The labels are the second of the three, for metrics. With `for_loss` they are in the inputs too,
    so that the model computes its loss.
    """
    x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
    inputs = named_arguments(type(model), (x,), {})
    inside = {name: inputs.pop(name) for name in LABELS if name in inputs}
    if for_loss:
        inputs.update(inside if y is None else named_labels(model, y))
    if y is None:
        y = inside["labels"] if list(inside) == ["labels"] else inside or None
    return inputs, y, _plain_weights(model, weights, y)


def _plain_weights(model: PreTrainedModel, weights: Any, y: Any) -> Any:
    """The weights of the only label; of two labels, both in the structure of `y`.

    Keras repeats weights for every entry of a mapping or list of labels.
    """
    if isinstance(weights, Mapping):
        parts = weights
    elif isinstance(weights, (list, tuple)):
        parts = dict(zip(SPANS.values(), weights, strict=False))
    else:
        return weights
    if model.head != "question_answering":
        return next(iter(parts.values()))
    return (
        type(y)(parts[name] for name in SPANS.values()) if isinstance(y, (list, tuple)) else parts
    )


def metrics_by_label(model: PreTrainedModel, metrics: Any) -> Any:
    """The metrics given to `compile`; for two labels, a list of metrics holds for each of them.

    As in Keras, a list of two entries holds one, or a list, for each label.
    """
    if model.head != "question_answering" or not isinstance(metrics, (list, tuple)):
        return metrics
    each = metrics if len(metrics) == len(SPANS) else [metrics, [_copy(one) for one in metrics]]
    return dict(zip(SPANS.values(), each, strict=True)) if metrics else metrics


def _copy(metric: Any) -> Any:
    """Another metric of the same settings, for metrics hold the sums of what they have seen."""
    is_metric = isinstance(metric, keras.metrics.Metric)
    return type(metric).from_config(metric.get_config()) if is_metric else metric


def named_labels(model: PreTrainedModel, y: Any) -> dict[str, Any]:
    """The labels under the names of `call`.

    Raises:
        InputError: labels of other names or number.
    """
    names = tuple(SPANS.values()) if model.head == "question_answering" else ("labels",)
    if isinstance(y, Mapping):
        named = {"labels" if name == "label" else name: value for name, value in y.items()}
    else:
        values = tuple(y) if isinstance(y, (list, tuple)) else (y,)
        named = dict(zip(names, values, strict=False)) if len(values) == len(names) else {}
    if set(named) != set(names):
        got = ", ".join(named) or f"{type(y).__name__} of another number"
        raise InputError(f"Labels must be {' and '.join(names)}: got {got}.")
    return named


def mean_model_loss(model: PreTrainedModel, x: Any, output: Any, weights: Any) -> Tensor:
    """The mean of the model's loss over a batch, a scalar.

    Raises:
        InputError: the batch has no labels.
    """
    loss = output.get("loss") if isinstance(output, Mapping) else output[0]
    if not any(name in x for name in LABELS) or loss is None:
        raise InputError(
            f"Training `{type(model).__name__}` needs labels, in the inputs or as the second part "
            f"of the data, or a `loss` in `compile`."
        )
    if weights is None:
        return tf.reduce_mean(loss)
    if isinstance(weights, (Mapping, list, tuple)):
        of_sides = [weights[n] for n in SPANS.values()] if isinstance(weights, Mapping) else weights
        sides = [x[name] for name in SPANS.values()]
        logits = predictions_of(model, output)
        return tf.reduce_mean(span_loss(*logits, *sides, weights=of_sides))
    if HEADS[model.head].labels_per_token:
        logits = predictions_of(model, output)
        return token_loss(logits, x["labels"], ignores_negative=True, weights=weights)[0]
    return tf.reduce_mean(loss * tf.cast(tf.reshape(weights, (-1,)), loss.dtype))


def predictions_of(model: PreTrainedModel, output: Any, y: Any = None) -> Any:
    """The part of an output that is compared with labels, in the structure of `y`; all that the
    head of a user gives."""
    if is_own_head(model):
        return output
    is_spans = model.head == "question_answering"
    if not isinstance(output, Mapping):
        values = [value for value in output if tf.is_tensor(value) and value.shape.rank != 1]
        if not is_spans:
            return values[0]
        output = dict(zip(SPANS, values, strict=False))
    if is_spans:
        pairs = {label: output[name] for name, label in SPANS.items()}
        if isinstance(y, Mapping):
            return {name: pairs[name] for name in y}
        return type(y)(pairs.values()) if isinstance(y, (list, tuple)) else tuple(pairs.values())
    return output["last_hidden_state" if model.head == "base" else "logits"]


def for_metrics(model: PreTrainedModel, y: Any, output: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Labels, predictions and weights without the tokens that have no label."""
    if model.head == "question_answering" and y is not None:  # as `metrics_by_label`
        y = named_labels(model, y)
        if isinstance(weights, (list, tuple)):
            weights = dict(zip(SPANS.values(), weights, strict=True))
    predictions = predictions_of(model, output, y)
    if model.head != "question_answering" and isinstance(y, Mapping):
        y = named_labels(model, y)["labels"]
    if not HEADS[model.head].labels_per_token or y is None:
        return y, predictions, weights
    active = y >= 0  # (B, S)
    if weights is not None:
        weights = tf.broadcast_to(
            weights[:, None] if weights.shape.rank == 1 else weights, tf.shape(y)
        )
        weights = tf.boolean_mask(weights, active)
    return tf.boolean_mask(y, active), tf.boolean_mask(predictions, active), weights
