"""Exporting a model: its function, and the names, types and sizes of its inputs.

Keras assumes floating point for every input of a subclassed model, which breaks token ids after a
conversion. The functions whose first argument is a model are methods of `PreTrainedModel`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import tensorflow as tf

from distilbert.errors import InputError
from distilbert.input_checks import RUNNER_INPUTS
from distilbert.outputs import ModelOutput
from distilbert.tensorflow.backend import keras

if TYPE_CHECKING:
    from distilbert.tensorflow.pretrained import PreTrainedModel


def input_signature_of(
    model: PreTrainedModel, *, batch_size: int | None = None, length: int | None = None
) -> list[Any]:
    """The inputs of an exported model: int32 ids and mask of these sizes, None for any size."""
    n_choices = (None,) if model.head == "multiple_choice" else ()
    shape = (batch_size, *n_choices, length)
    return [
        {name: keras.InputSpec(shape=shape, dtype="int32", name=name) for name in RUNNER_INPUTS}
    ]


def input_signature(model: PreTrainedModel) -> dict[str, tf.TensorSpec]:
    """The inputs of an exported model by name, as the reference describes them."""
    return {
        name: tf.TensorSpec(spec.shape, tf.int32, name=name)
        for name, spec in input_signature_of(model)[0].items()
    }


def export(
    model: PreTrainedModel,
    filepath: Any,
    format: str = "tf_saved_model",
    verbose: bool | None = None,
    input_signature: Any = None,
    **kwargs: Any,
) -> Any:
    """As in Keras, with `input_ids` and `attention_mask` of any size by default.

    Args:
        input_signature: `distilbert.tensorflow.exporting.input_signature_of(...)` fixes sizes.
    """
    if input_signature is None:
        input_signature = input_signature_of(model)
    return keras.Model.export(model, filepath, format, verbose, input_signature, **kwargs)


def serving_output(model: PreTrainedModel, output: Any) -> Any:
    """An output as a served function returns it.

    Hidden states and attentions are left out unless the config asks for them, and are each one
    tensor with a layer axis where their shapes are equal.
    """
    if not isinstance(output, ModelOutput):
        return output
    fields = dict(output)
    for name in ("hidden_states", "attentions"):
        values = fields.pop(name, None)
        if values is None or not getattr(model.config, f"output_{name}"):
            continue
        has_one_shape = len({tuple(value.shape) for value in values}) == 1
        fields[name] = tf.stack(values) if has_one_shape else values
    return type(output)(**fields)


def quantize(model: PreTrainedModel, *args: Any, **kwargs: Any) -> NoReturn:
    """Not supported: Keras skips every layer that it does not define.

    Raises:
        InputError: always.
    """
    raise InputError(
        f"`{type(model).__name__}` has no layer that Keras can quantize: `export` it, and let the "
        f"TF-Lite converter's `tf.lite.Optimize.DEFAULT` store the weights in 8 bits."
    )
