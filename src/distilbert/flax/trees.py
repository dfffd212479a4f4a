"""Tells JAX's tree utilities how to take a model's output apart and put it together again.

A function under `jit`, `grad`, `vmap` or `pmap` can only return what these know.
"""

from __future__ import annotations

import functools
from typing import Any

from jax import tree_util as trees

from distilbert import outputs
from distilbert.outputs import ModelOutput

CLASSES: tuple[type[ModelOutput], ...] = (
    outputs.FlaxBaseModelOutput,
    outputs.FlaxMaskedLMOutput,
    outputs.FlaxSequenceClassifierOutput,
    outputs.FlaxMultipleChoiceModelOutput,
    outputs.FlaxTokenClassifierOutput,
    outputs.FlaxQuestionAnsweringModelOutput,
)


@functools.cache
def register_outputs() -> None:
    """Register every output class, once per process."""
    for output_class in CLASSES:
        _register(output_class)


def _register(output_class: type[ModelOutput]) -> None:
    def unflatten(names: Any, values: Any) -> ModelOutput:
        return output_class(**dict(zip(names, values, strict=True)))

    trees.register_pytree_with_keys(output_class, _flatten_with_keys, unflatten, _flatten)


def _flatten(output: Any) -> tuple[list[Any], tuple[str, ...]]:
    return list(output.values()), tuple(output)


def _flatten_with_keys(output: Any) -> tuple[list[tuple[Any, Any]], tuple[str, ...]]:
    return [(trees.DictKey(name), value) for name, value in output.items()], tuple(output)
