"""Tells Keras' tree utilities how to take a model's output apart and put it together again.

Without this `predict` could not join batches. TensorFlow's own `tf.nest` needs no telling: it takes
any mapping.
"""

from __future__ import annotations

import functools
from typing import Any

import optree

from distilbert import outputs
from distilbert.outputs import ModelOutput

CLASSES: tuple[type[ModelOutput], ...] = (
    outputs.TFBaseModelOutput,
    outputs.TFMaskedLMOutput,
    outputs.TFSequenceClassifierOutput,
    outputs.TFMultipleChoiceModelOutput,
    outputs.TFTokenClassifierOutput,
    outputs.TFQuestionAnsweringModelOutput,
)

NAMESPACE = "keras"  # what Keras registers its own containers under


@functools.cache
def register_outputs() -> None:
    """Register every output class, once per process."""
    for output_class in CLASSES:
        _register(output_class)


def _register(output_class: type[ModelOutput]) -> None:
    def unflatten(names: Any, values: Any) -> ModelOutput:
        return output_class(**dict(zip(names, values, strict=True)))

    flatten: Any = _flatten
    optree.register_pytree_node(output_class, flatten, unflatten, namespace=NAMESPACE)


def _flatten(output: Any) -> tuple[list[Any], list[str], list[str]]:
    return list(output.values()), list(output), list(output)
