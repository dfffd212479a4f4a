"""The names, types and sizes of an exported model's inputs.

Keras assumes floating point for every input of a subclassed model, which breaks token ids after a
conversion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbert.input_checks import RUNNER_INPUTS
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
